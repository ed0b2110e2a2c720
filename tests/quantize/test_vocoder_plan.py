"""The whole recipe on the small random model: exact where it says exact, integers where it says integers, and gates."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from android_test.coverage.graph_view import GraphView
from android_test.coverage.htp.htp_rules import check_qnn
from android_test.coverage.nnapi.nnapi_rules import check_nnapi
from calibrate import store
from calibrate.capture import make_probe
from calibrate.speech import Sample, in_bucket, read_samples, write_sample
from calibrate.statistics import ChannelStatistics
from export_onnx.buckets import Bucket
from export_onnx.errors import ContractError, ParityError
from export_onnx.graph.export import export_stage
from export_onnx.proof import parity
from export_onnx.proof.decibels import snr
from export_onnx.run.sessions import cpu_session
from quantize.blocklists import NEVER
from quantize.gates import check_forbidden
from quantize.listen.quality import summarize
from quantize.qdq import QdqPlan, quantize_convolutions
from quantize.report.range_table import range_table, summarize_ranges
from quantize.sound.equalize import Affine, changed_values, equalize
from quantize.sound.sites import vocoder_sites
from quantize.sound.split_channels import split_channels
from quantize.sound.vocoder_plan import apply, make_plan
from tests.conftest import Small
from tests.quantize.conftest import Bench


def run(model: onnx.ModelProto, sample: Sample, tmp_path: Path) -> np.ndarray:
    onnx.save(model, tmp_path / "model.onnx")
    runner = cpu_session(tmp_path / "model.onnx")
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


def probed(model: onnx.ModelProto, bench: Bench, sample: Sample, tmp_path: Path):
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
    store.write_statistics(tmp_path, {"vocoder": seen}, 1, "mse")
    statistics = store.read_statistics(tmp_path)["vocoder"]
    nodes = bench.part("resblocks.3")

    def decibels(rescale: bool) -> float:
        graph = apply(make_plan(model, statistics, nodes, 8, rescale=rescale), model)
        return bench.judge.first(1).score_graph(graph)[0].snr_db

    with_it, without = decibels(True), decibels(False)
    assert with_it > without + 6, (with_it, without)


def test_the_table_of_ranges_says_what_equalization_did(bench: Bench) -> None:
    seen, nodes = bench.statistics["vocoder"], bench.without("conv_post")
    plan = make_plan(bench.model, seen, nodes, 8)
    table = range_table(bench.model, seen, plan)
    assert set(table) == set(plan.qdq.ranges)
    for value, row in table.items():
        assert row["after"] == pytest.approx([plan.qdq.ranges[value].low, plan.qdq.ranges[value].high], 1e-4)
        assert 0 < row["used_after"] <= 1
    assert summarize_ranges(table)["used_after"] > summarize_ranges(table)["used_before"] + 0.1
    plain = range_table(bench.model, seen, make_plan(bench.model, seen, nodes, 8, rescale=False))
    assert (
        summarize_ranges(plain)["used_after"]
        == summarize_ranges(plain)["used_before"]
        == summarize_ranges(table)["used_before"]
    )


def test_units_are_whole_and_both_providers_take_every_node(bench: Bench) -> None:
    nodes = bench.without("conv_post")
    for bits, check in ((8, check_nnapi), (16, check_qnn)):
        graph = apply(make_plan(bench.model, bench.statistics["vocoder"], nodes, bits), bench.model)
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
    graph = apply(make_plan(bench.model, bench.statistics["vocoder"], nodes, 8), bench.model).graph
    made = {output: node for node in graph.node for output in node.output}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    floats = [n for n in graph.node if n.op_type not in ("Conv", "QuantizeLinear", "DequantizeLinear")]
    assert floats
    for node in floats:
        data = [made[name] for name in node.input if name in made]
        behind = [reader for output in node.output for reader in readers.get(output, [])]
        sandwiched = data and all(d.op_type == "DequantizeLinear" for d in data)
        assert not (sandwiched and behind and all(r.op_type == "QuantizeLinear" for r in behind)), node.name


def test_the_same_plan_gives_the_same_bytes_and_a_wrong_one_is_refused(bench: Bench) -> None:
    nodes = bench.part("resblocks.0")
    plan = make_plan(bench.model, bench.statistics["vocoder"], nodes, 8)
    one, two = (apply(plan, bench.model).SerializeToString(deterministic=True) for _ in range(2))
    assert one == two
    with pytest.raises(ContractError, match="Make the plan again"):
        quantize_convolutions(bench.model, QdqPlan(("/nothing",), {}, 8, {}))
    with pytest.raises(ContractError, match="Calibrate again"):
        quantize_convolutions(bench.model, QdqPlan(nodes, {}, 8, {}))


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
    check_forbidden("good", NEVER)
    with pytest.raises(ParityError, match="conv_post/Conv in integers"):
        check_forbidden("planted", ("/ups.1/conv/Conv",))
    alone, other = (summarize(bench.sound(bench.part(name), 8)).mean for name in ("conv_post", "resblocks.3"))
    assert alone.snr_db < other.snr_db - 3


def test_channels_in_float_change_nothing_but_their_error(bench: Bench, tmp_path: Path) -> None:
    conv = "/resblocks.1/convs2.2/Conv"
    parted = split_channels(bench.model, {conv: (1, 3)})
    sample = bench.judge.samples[0]
    expected = run(bench.model, sample, tmp_path)
    assert snr(expected, run(parted, sample, tmp_path)) >= 100
    whole, few = (
        {node.name: node for node in model.graph.node}[name]
        for model, name in ((parted, conv), (parted, f"{conv}/floats"))
    )
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in parted.graph.initializer}
    assert not weights[whole.input[1]][[1, 3]].any()
    assert weights[whole.input[1]][[0, 2]].any()
    assert weights[few.input[1]].shape[0] == 2


def test_a_channel_that_8_bits_cannot_carry_is_cured_in_float(bench: Bench, tmp_path: Path) -> None:
    """One output channel a hundred times as loud as calibration saw it is clipped, unless it stays in float."""
    conv, seen = "/resblocks.1/convs2.2/Conv", dict(bench.statistics["vocoder"])
    value = next(node.output[0] for node in bench.model.graph.node if node.name == conv)
    shrunk = np.ones(len(seen[value].low))
    shrunk[2] = 0.01
    narrow = {name: getattr(seen[value], name) * shrunk for name in ("low", "high", "mean", "deviation")}
    exponent = seen[value].exponent + np.log2(shrunk).round().astype(int)
    seen[value] = dataclasses.replace(seen[value], **narrow, exponent=exponent)
    qualities = {}
    for floats in ((), (2,)):
        plan = make_plan(bench.model, seen, (conv,), 8, rescale=True, floats={conv: floats} if floats else None)
        graph = apply(plan, bench.model)
        qualities[floats] = summarize(bench.judge.score_graph(graph)).mean.snr_db
        assert check_nnapi(GraphView(graph)).covered
        float_convs = [node for node in graph.graph.node if node.name == f"{conv}/floats"]
        assert len(float_convs) == len(floats)
        assert all(not node.input[0].endswith("DequantizeLinear_Output") for node in float_convs)
    assert qualities[(2,)] > qualities[()] + 6, qualities


def test_kept_speech_is_read_back_and_padded_to_another_bucket(bench: Bench, small: Small, tmp_path: Path) -> None:
    sample = bench.judge.samples[0]
    write_sample(tmp_path, "held_out", 0, sample)
    again = read_samples(tmp_path, "held_out")[0]
    assert again.utterance == sample.utterance
    assert set(again.values) == set(sample.values)
    assert all((again.values[name] == value).all() for name, value in sample.values.items())
    longer = in_bucket(again, small.weights.config, Bucket(3, 96))
    assert longer.values["har"].shape == (1, 22, 120 * 120 + 8)
    assert longer.values["ids"].shape == (1, 96)
    assert (longer.values["waveform"] == sample.reference).all()
    with pytest.raises(ContractError, match="sentences of the part 'search'"):
        read_samples(tmp_path, "search")
    next((tmp_path / "speech").iterdir()).write_bytes(b"PK")
    with pytest.raises(ContractError, match="held_out_000"):
        read_samples(tmp_path, "held_out")
