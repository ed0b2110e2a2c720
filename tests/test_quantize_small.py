"""The whole recipe on the small random model: exact where it says exact, integers where it says integers, and gates."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from android_test.graph_view import GraphView
from android_test.nnapi_rules import check_nnapi
from android_test.qnn_rules import check_qnn
from calibrate import store
from calibrate.__main__ import collect
from calibrate.capture import Sample, make_probe, speak
from calibrate.corpus import Split, Utterance
from calibrate.statistics import ChannelStatistics
from export_onnx import parity
from export_onnx.__main__ import write_checkpoint_data
from export_onnx.chain import session
from export_onnx.contracts import STAGES, Bucket
from export_onnx.decibels import snr
from export_onnx.errors import ContractError, ParityError
from export_onnx.export import export_stage
from export_onnx.storage import load
from quantize.equalize import Affine, changed_values, equalize
from quantize.full_size import full_size_share, multiply_adds_a_frame
from quantize.gates import FLOORS, check_bucket, check_durations, check_forbidden, check_sound
from quantize.groups import conv_groups, quantized_nodes
from quantize.multiply_adds import conv_multiply_adds
from quantize.prepare import apply, prepare
from quantize.qdq import Plan, quantize_convolutions
from quantize.range_table import range_table, summary
from quantize.sites import vocoder_sites
from quantize.verify import Judge, Quality, average, compare, make_judge
from tests.conftest import Small

TEXTS = ("The cat sat.", "Is it red?", "Go on now.", "Two boats.")


@dataclass(frozen=True)
class Bench:
    """Calibrated small stages, and a judge."""

    folder: Path
    bucket: Bucket
    model: onnx.ModelProto
    statistics: store.Statistics
    judge: Judge
    groups: dict[str, tuple[str, ...]]

    def without(self, *excluded: str) -> tuple[str, ...]:
        return quantized_nodes(self.groups, excluded)

    def sound(self, nodes: tuple[str, ...], bits: int, rescale: bool = True) -> list[Quality]:
        prepared = prepare(self.model, self.statistics["vocoder"], nodes, bits, rescale=rescale)
        return self.judge.score_graph(apply(self.model, prepared))


@pytest.fixture(scope="module")
def bench(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    write_checkpoint_data(small.weights, small.folder)
    said = tuple(Utterance(text, "random_a", 1.0, i) for i, text in enumerate(TEXTS))
    collected, used, skipped = collect(small.folder, small.bucket, Split("test", said, (), None))
    assert used >= 3, skipped
    ranges = tmp_path_factory.mktemp("ranges")
    store.write(ranges, collected, used, "mse")
    heard = [Utterance(text, "random_b", 1.0, 90 + i) for i, text in enumerate(("A big dog.", "Why not?"))]
    samples = [s for s in speak(small.folder, small.bucket, heard) if isinstance(s, Sample)]
    model = load(small.folder / f"vocoder_{small.bucket.name}.onnx")
    judge = make_judge(small.folder, small.bucket, samples)
    return Bench(small.folder, small.bucket, model, store.read(ranges), judge, conv_groups(model))


def run(model: onnx.ModelProto, sample: Sample, tmp_path: Path) -> np.ndarray:
    onnx.save(model, tmp_path / "model.onnx")
    runner = session(tmp_path / "model.onnx")
    return runner.run(None, {port.name: sample.values[port.name] for port in runner.get_inputs()})[0]


def test_every_rescaling_is_exact(bench: Bench, tmp_path: Path) -> None:
    sites = vocoder_sites(bench.model)
    assert len(sites) > 100
    rng = np.random.default_rng(0)
    chosen = {
        site.name: Affine(
            np.exp(rng.standard_normal(site.channels)), rng.standard_normal(site.channels) * float(site.shifts)
        )
        for site in sites
    }
    sample = bench.judge.samples[0]
    expected = run(bench.model, sample, tmp_path)
    columns = sample.frames * 120 + 1
    scaled = equalize(bench.model, sites, chosen)
    assert snr(expected[:, :, :columns], run(scaled, sample, tmp_path)[:, :, :columns]) >= 100
    # What the tables say of a quantized value is what the graph does.
    changed = changed_values(sites, chosen, {k: len(v.low) for k, v in bench.statistics["vocoder"].items()})
    value = "/resblocks.3/convs1.1/Conv_output_0"
    before, after = (
        next(x for name, x in probed(model, bench, sample, tmp_path) if name == value)
        for model in (bench.model, scaled)
    )
    affine = changed[value]
    assert snr(before * affine.scale[:, None] + affine.shift[:, None], after) >= 80


def probed(model: onnx.ModelProto, bench: Bench, sample: Sample, tmp_path: Path):  # type: ignore[no-untyped-def]
    onnx.save(model, tmp_path / f"vocoder_{bench.bucket.name}.onnx")
    return make_probe(tmp_path, "vocoder", bench.bucket).run(sample)


def test_a_scale_without_its_counterpart_is_heard(bench: Bench, tmp_path: Path) -> None:
    site = next(s for s in vocoder_sites(bench.model) if s.name == "in /resblocks.3/convs2.0/Conv")
    broken = dataclasses.replace(site, touches=site.touches[:-1])
    chosen = {site.name: Affine(np.full(site.channels, 3.0), np.zeros(site.channels))}
    sample = bench.judge.samples[0]
    expected = run(bench.model, sample, tmp_path)
    assert snr(expected, run(equalize(bench.model, [broken], chosen), sample, tmp_path)) < 60
    lost = dataclasses.replace(site, touches=(dataclasses.replace(site.touches[0], node="/nowhere"),))
    with pytest.raises(ContractError, match="Export again"):
        equalize(bench.model, [lost], chosen)


def test_equalization_gains_at_8_bits(bench: Bench, tmp_path: Path) -> None:
    """The same function with channels up to 100 times apart, as trained networks have them: what is to be won back."""
    rng = np.random.default_rng(0)
    uneven = {
        site.name: Affine(np.exp(rng.uniform(-2.3, 2.3, site.channels)), np.zeros(site.channels))
        for site in vocoder_sites(bench.model)
    }
    model = equalize(bench.model, vocoder_sites(bench.model), uneven)
    seen: dict[str, ChannelStatistics] = {}
    for name, steps in probed(model, bench, bench.judge.samples[0], tmp_path):
        seen.setdefault(name, ChannelStatistics(steps.shape[0])).add(steps)
    store.write(tmp_path, {"vocoder": seen}, 1, "mse")
    statistics = store.read(tmp_path)["vocoder"]
    nodes = bench.groups["resblocks.3"]

    def decibels(rescale: bool) -> float:
        graph = apply(model, prepare(model, statistics, nodes, 8, rescale=rescale))
        return bench.judge.score_graph(graph, 1)[0].snr_db

    with_it, without = decibels(True), decibels(False)
    assert with_it > without + 6, (with_it, without)


def test_the_table_of_ranges_says_what_equalization_did(bench: Bench) -> None:
    seen, nodes = bench.statistics["vocoder"], bench.without("conv_post")
    prepared = prepare(bench.model, seen, nodes, 8)
    table = range_table(bench.model, seen, prepared)
    assert set(table) == set(prepared.plan.ranges)
    for value, row in table.items():
        assert row["after"] == pytest.approx([prepared.plan.ranges[value].low, prepared.plan.ranges[value].high], 1e-4)
        assert 0 < row["used_after"] <= 1
    assert summary(table)["used_after"] > summary(table)["used_before"] + 0.1
    plain = range_table(bench.model, seen, prepare(bench.model, seen, nodes, 8, rescale=False))
    assert summary(plain)["used_after"] == summary(plain)["used_before"] == summary(table)["used_before"]


def test_units_are_whole_and_both_providers_take_every_node(bench: Bench) -> None:
    nodes = bench.without("conv_post")
    for bits, check in ((8, check_nnapi), (16, check_qnn)):
        graph = apply(bench.model, prepare(bench.model, bench.statistics["vocoder"], nodes, bits))
        verdict = check(GraphView(graph))
        assert verdict.covered, verdict.refusals[:3]
        opsets = {o.domain: o.version for o in graph.opset_import}
        assert opsets[""] == (17 if bits == 8 else 21)
        check_units(graph, nodes, onnx.TensorProto.UINT8 if bits == 8 else onnx.TensorProto.UINT16)


def check_units(graph: onnx.ModelProto, nodes: tuple[str, ...], activation: int) -> None:
    made = {output: node for node in graph.graph.node for output in node.output}
    stored = {tensor.name: tensor for tensor in graph.graph.initializer}
    readers = {name: node for node in graph.graph.node for name in node.input}
    for conv in (node for node in graph.graph.node if node.op_type == "Conv"):
        if conv.name not in nodes:
            assert conv.input[1] in stored
            continue
        data, weight = made[conv.input[0]], made[conv.input[1]]
        assert data.op_type == weight.op_type == "DequantizeLinear"
        assert stored[data.input[2]].data_type == activation
        assert stored[weight.input[0]].data_type == onnx.TensorProto.INT8
        assert stored[weight.input[1]].dims[0] == stored[weight.input[0]].dims[0]
        assert not numpy_helper.to_array(stored[weight.input[2]]).any()
        if len(conv.input) > 2:
            bias = made[conv.input[2]]
            assert bias.op_type == "DequantizeLinear"
            assert stored[bias.input[0]].data_type == onnx.TensorProto.INT32
        assert readers[conv.output[0]].op_type == "QuantizeLinear"


def test_no_float_node_stands_alone_between_dq_and_q(bench: Bench) -> None:
    nodes = bench.without("conv_post")
    graph = apply(bench.model, prepare(bench.model, bench.statistics["vocoder"], nodes, 8)).graph
    made = {output: node for node in graph.node for output in node.output}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    for node in graph.node:
        if node.op_type in ("Conv", "QuantizeLinear", "DequantizeLinear"):
            continue
        data = [made[name] for name in node.input if name in made]
        behind = [reader for output in node.output for reader in readers.get(output, [])]
        sandwiched = data and all(d.op_type == "DequantizeLinear" for d in data)
        assert not (sandwiched and behind and all(r.op_type == "QuantizeLinear" for r in behind)), node.name


def test_the_same_plan_gives_the_same_bytes_and_a_wrong_one_is_refused(bench: Bench) -> None:
    nodes = bench.groups["resblocks.0"]
    prepared = prepare(bench.model, bench.statistics["vocoder"], nodes, 8)
    one, two = (apply(bench.model, prepared).SerializeToString(deterministic=True) for _ in range(2))
    assert one == two
    with pytest.raises(ContractError, match="Make the plan again"):
        quantize_convolutions(bench.model, Plan(("/nothing",), {}, 8, {}))
    with pytest.raises(ContractError, match="Calibrate again"):
        quantize_convolutions(bench.model, Plan(nodes, {}, 8, {}))


def test_ranges_of_one_bucket_serve_another(bench: Bench, small: Small, tmp_path: Path) -> None:
    longer = Bucket(3, small.bucket.tokens)
    graph = export_stage("vocoder", small.weights.model, small.weights.config, longer)
    onnx.save(graph, tmp_path / f"vocoder_{longer.name}.onnx")
    sample = bench.judge.samples[0]
    padded = dict(sample.values)
    import torch

    for name, factor, extra in (("asr", 1, 0), ("f0", 2, 0), ("energy", 2, 0), ("har", 120, 8), ("frame_mask", 1, 0)):
        x = torch.from_numpy(np.asarray(padded[name]))
        padded[name] = parity.pad_to(x, longer.frames * factor + extra).numpy()
    there = dataclasses.replace(sample, values=padded)
    here = dict(make_probe(bench.folder, "vocoder", bench.bucket).run(sample))
    for name, values in make_probe(tmp_path, "vocoder", longer).run(there):
        assert values.shape == here[name].shape
        span = float(here[name].max() - here[name].min())
        assert abs(values.max() - here[name].max()) <= 1e-3 * span, name
        assert abs(values.min() - here[name].min()) <= 1e-3 * span, name


def test_conv_post_in_8_bits_is_rejected(bench: Bench) -> None:
    check_forbidden("good", ("conv_post",))
    with pytest.raises(ParityError, match="conv_post in integers"):
        check_forbidden("planted", ("ups.1",))
    alone = average(bench.sound(bench.groups["conv_post"], 8))
    assert alone.snr_db < average(bench.sound(bench.groups["resblocks.3"], 8)).snr_db - 3


@pytest.mark.parametrize(
    ("defect", "gate"),
    [
        (lambda x: x * 1.5, "SNR"),
        (lambda x: x * np.nan, "finite"),
        (lambda x: np.roll(x, 600), "SNR"),
    ],
)
def test_planted_defects_are_rejected(bench: Bench, defect, gate: str) -> None:  # type: ignore[no-untyped-def]
    reference = bench.judge.references[0]
    check_sound("same", [compare(reference, reference)], FLOORS[16])
    with pytest.raises(ParityError, match=gate):
        check_sound("planted", [compare(reference, defect(reference))], FLOORS[16])


def test_each_gate_looks_at_its_own_number() -> None:
    good = Quality(60.0, 0.1, 0.0, 0.0, 0.0, 0.0, True)
    check_sound("good", [good], FLOORS[16])
    for field, bad, words in (
        ("mel_db", 2.0, "log-mel"),
        ("gain_db", 3.5, "loudness"),
        ("quiet_db", 10.0, "silence"),
        ("dc", -0.1, "mean"),
        ("railed", 0.1, "rail"),
    ):
        with pytest.raises(ParityError, match=words):
            check_sound("planted", [dataclasses.replace(good, **{field: bad})], FLOORS[16])


def test_changed_durations_are_rejected(bench: Bench, tmp_path: Path) -> None:
    samples, bucket = bench.judge.samples, bench.bucket
    for stage in ("bert", "duration"):
        onnx.save(load(bench.folder / f"{stage}_{bucket.name}.onnx"), tmp_path / f"{stage}_{bucket.name}.onnx")
    assert check_durations("float", tmp_path, bucket, samples)["unchanged"] == len(samples)
    planted = load(bench.folder / f"duration_{bucket.name}.onnx")
    for tensor in planted.graph.initializer:
        if tensor.name == "project.bias":
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + np.float32(0.5), tensor.name))
    onnx.save(planted, tmp_path / f"duration_{bucket.name}.onnx")
    with pytest.raises(ParityError, match="Keep the text stages in float"):
        check_durations("planted", tmp_path, bucket, samples)


def test_the_formula_counts_what_the_graph_counts(bench: Bench, small: Small) -> None:
    counted, formula = conv_multiply_adds(bench.model), multiply_adds_a_frame(small.weights.config)
    assert set(formula) == set(bench.groups)
    for group, convs in bench.groups.items():
        graph = sum(counted[conv] for conv in convs) / bench.bucket.frames
        assert graph == pytest.approx(formula[group], rel=0.03), group  # 120 F + 8 columns where 120 F are counted
    assert full_size_share(["conv_post"]) == pytest.approx(0.9964, abs=1e-4)


def test_another_bucket_is_run_and_heard(bench: Bench, tmp_path: Path) -> None:
    for stage in STAGES:
        onnx.save(load(bench.folder / f"{stage.name}_{bench.bucket.name}.onnx"), tmp_path / f"{stage.name}_2s.onnx")
    judge = dataclasses.replace(bench.judge, samples=bench.judge.samples[:1], references=bench.judge.references[:1])
    check_bucket("small", tmp_path, judge, FLOORS[8])
    style = load(tmp_path / "style_2s.onnx")
    for tensor in style.graph.initializer:
        if tensor.name == "layers.gain.weight":
            tensor.CopyFrom(numpy_helper.from_array(1.1 * numpy_helper.to_array(tensor), tensor.name))
    onnx.save(style, tmp_path / "style_2s.onnx")
    with pytest.raises(ParityError, match="small, style: expected gains"):
        check_bucket("small", tmp_path, judge, FLOORS[8])
    (tmp_path / "style_2s.onnx").unlink()
    with pytest.raises(ContractError, match="style_2s"):
        check_bucket("small", tmp_path, judge, FLOORS[8])
