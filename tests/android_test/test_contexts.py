"""Context binaries: made per chip in one process, resumed, recorded, refused where they are of something else."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from android_test.__main__ import main as command
from android_test.contexts import make_contexts as maker
from android_test.contexts.context_graphs import (
    CONTEXT_STAGES,
    ContextGraph,
    context_graphs,
    read_bert_extremes,
    refuse_what_half_precision_loses,
    sources_of,
)
from android_test.contexts.make_contexts import (
    ContextSettings,
    context_requests,
    make_contexts,
    refuse_integer_chips,
    run_requests,
)
from android_test.contexts.prove_contexts import (
    Trial,
    bert_trial,
    compare_runs,
    compare_simulated,
    durations_in_words,
    held_out_reader,
    prove_stage,
)
from android_test.coverage.graph_view import GraphView
from android_test.coverage.htp.context_record import record_file
from android_test.coverage.htp.htp_host import CompileJob, unavailable
from android_test.coverage.htp.limited_child import CompileLimits
from calibrate import store
from calibrate.__main__ import collect
from calibrate.corpus import Split, Utterance
from export_onnx.buckets import Bucket
from export_onnx.errors import CoverageError, PackageError
from export_onnx.graph.shared_weights import ModelFolder, load
from export_onnx.provenance import REPORT
from quantize.text.text_quality import make_text_reader
from selector.package.context_schema import CONTEXTS_FOLDER, chips_made, read_contexts
from tests.conftest import Small

needs_compiler = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "-")
CHIP = "SM8650"
TEXTS = ("The cat sat.", "Is it red?", "Go on now.")
SAID = tuple(Utterance(text, "random_a", 1.0, i) for i, text in enumerate(TEXTS))


@pytest.fixture(scope="module")
def whole(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build with float stages, calibrated `bert`, and float halves in place of quantized ones."""
    build = tmp_path_factory.mktemp("contexts") / "build"
    shutil.copytree(small.folder, build / "export_onnx")
    collected, used, _ = collect(small.folder, small.bucket, Split("test", SAID, (), ()), ("bert",))
    (build / "calibrate").mkdir()
    store.write_statistics(build / "calibrate", collected, used, "mse")
    split = {"held_out": [dataclasses.asdict(one) for one in SAID]}
    (build / "calibrate" / REPORT).write_text(json.dumps({"split": split}))
    with ModelFolder(build / "quantize" / "qnn") as models:
        for half in ("decoder", "generator"):
            name = f"{half}_{small.bucket.name}"
            models.save(load(small.folder / f"{name}.onnx"), name)
    return build


@pytest.fixture
def build(whole: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "build"
    shutil.copytree(whole, copy)
    return copy


def settings(build: Path, small: Small, *socs: str) -> ContextSettings:
    return ContextSettings(build, socs or (CHIP,), (small.bucket,))


def test_what_contexts_are_made_of(build: Path, small: Small) -> None:
    graphs = context_graphs(build, (small.bucket,))
    assert [graph.name for graph in graphs] == ["bert_2s", "decoder_2s", "generator_2s"]
    assert all(graph.path.is_file() for graph in graphs)
    sources = sources_of(build, graphs)
    assert {"export_onnx/bert_2s.onnx", "quantize/qnn/weights.bin", "calibrate/ranges.json"} < set(sources)
    plain = load(build / "export_onnx" / "bert_2s.onnx")
    with pytest.raises(CoverageError, match=r"bert 2s: expected a graph that HTP computes .* an epsilon of at least"):
        refuse_what_half_precision_loses("bert 2s", GraphView.of(plain), {})


def test_without_the_steps_before_nothing_is_made(build: Path, small: Small) -> None:
    ranges = build / "calibrate" / "ranges.json"
    whole = ranges.read_text()
    ranges.write_text(json.dumps({"vocoder": {}}))
    with pytest.raises(CoverageError, match=r"\[low, high\] of each value of bert, got KeyError: 'bert'"):
        read_bert_extremes(ranges)
    ranges.write_text(whole)
    (build / "quantize" / "qnn" / "generator_2s.onnx").unlink()
    with pytest.raises(
        CoverageError, match=r"generator_2s\.onnx: expected the results of the steps before, got nothing"
    ):
        context_graphs(build, (small.bucket,))


def test_a_chip_without_half_precision_is_named_with_the_target_that_it_takes() -> None:
    refuse_integer_chips(["SM8550", "SM8750"])
    with pytest.raises(CoverageError, match=r"chip SM8350: expected .* SM8550 .* Use the package for `cpu` on it"):
        refuse_integer_chips(["SM8550", "SM8350"])
    with pytest.raises(CoverageError, match="chip SM1"):
        refuse_integer_chips(["SM1"])


@needs_compiler
def test_make_refuses_a_chip_before_the_steps_that_take_long(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    makefile = (Path(__file__).parent.parent.parent / "Makefile").read_text(encoding="utf-8")
    assert "\ncontexts: chips package\n" in makefile
    asked = ["contexts", "--check-only", "--build", str(tmp_path), "--socs", "SM8550"]
    assert command(asked) == 0
    assert not list(tmp_path.glob("*/*")), "nothing is made"
    with pytest.raises(CoverageError, match="chip SM8350: expected a chip whose HTP has half precision"):
        command([*asked, "SM8350"])
    with pytest.raises(SystemExit):
        command([*asked, "foo"])
    assert "invalid choice: 'foo'" in capsys.readouterr().err


def test_one_session_per_graph_and_the_last_one_writes(tmp_path: Path, small: Small) -> None:
    paths = [tmp_path / f"{stage}.onnx" for stage in CONTEXT_STAGES]
    for path in paths:
        path.write_bytes(b"x")
    graphs = [ContextGraph(path.stem, small.bucket, path) for path in paths]
    requests = context_requests(CHIP, graphs, tmp_path / "out")
    assert [one["session"].get("ep.stop_share_ep_contexts") for one in requests] == [None, None, "1"]
    assert {one["session"]["ep.share_ep_contexts"] for one in requests} == {"1"}
    assert {one["provider_options"]["enable_htp_weight_sharing"] for one in requests} == {"1"}
    assert {one["provider_options"]["soc_model"] for one in requests} == {"57"}
    assert {one["session"]["session.disable_cpu_ep_fallback"] for one in requests} == {"1"}
    ten = [ContextGraph(stage, Bucket(10, 256), path) for stage, path in zip(CONTEXT_STAGES, paths, strict=True)]
    less = [one["provider_options"].get("vtcm_mb") for one in context_requests(CHIP, ten, tmp_path / "out")]
    assert less == [None, "6", None], "the one graph that would not share its weights"


@needs_compiler
def test_contexts_are_made_once_recorded_and_refused_for_other_weights(
    build: Path, small: Small, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_contexts(settings(build, small))[CHIP]
    folder = build / CONTEXTS_FOLDER / CHIP
    assert chips_made(build) == [CHIP]
    assert {file.name for file in folder.glob("*.bin")} == {"generator_2s_qnn.bin"}, "one binary for all"
    assert set(made.models) == set(CONTEXT_STAGES)
    record = json.loads(record_file(folder / "generator_2s.onnx").read_text())
    assert record["socs"] == [CHIP]
    assert record["options"] == made.contexts.options
    assert record["sdk"] == made.contexts.sdk
    assert made.bytes == sum(file.stat().st_size for file in folder.iterdir() if file.suffix in (".onnx", ".bin"))
    assert made.peak > 0
    assert read_contexts(build, CHIP, [small.bucket.name]) == made

    def again(*_: object) -> None:
        pytest.fail("a chip whose contexts are complete is not made again")

    monkeypatch.setattr(maker, "run_requests", again)
    assert make_contexts(settings(build, small))[CHIP] == made
    assert "is up to date" in capsys.readouterr().out
    with pytest.raises(PackageError, match=r'contexts of a chip, .* Run `make contexts SOCS="SM8550"` again'):
        read_contexts(build, "SM8550", [small.bucket.name])
    with pytest.raises(PackageError, match="every stage in 2s, 5s, got bert, decoder, generator in 2s"):
        read_contexts(build, CHIP, ["2s", "5s"])
    shutil.copytree(folder, folder.with_name("SM8550"))
    with pytest.raises(PackageError, match="contexts for SM8550, got contexts for SM8650"):
        read_contexts(build, "SM8550", [small.bucket.name])
    weights = build / "quantize" / "qnn" / "weights.bin"
    weights.write_bytes(weights.read_bytes() + b"\0")
    with pytest.raises(PackageError, match=r"got contexts of another quantize/qnn/weights\.bin"):
        read_contexts(build, CHIP, [small.bucket.name])
    (folder / "generator_2s_qnn.bin").write_bytes(b"cut")
    with pytest.raises(PackageError, match=r"as they were written, got others in generator_2s_qnn\.bin"):
        read_contexts(build, CHIP, [small.bucket.name])
    with pytest.raises(pytest.fail.Exception):
        make_contexts(settings(build, small))
    assert chips_made(build) == ["SM8550"], "a folder that is not complete has no report"


@needs_compiler
def test_a_graph_that_stays_on_the_cpu_or_a_limit_ends_the_chip(build: Path, small: Small) -> None:
    graphs = context_graphs(build, (small.bucket,))[:1]
    requests = context_requests(CHIP, graphs, build / "out")
    begun: list[int] = []
    with pytest.raises(CoverageError, match=r"contexts, bert_2s: expected 1 contexts within 0 s .*timeout after"):
        run_requests(requests, CompileLimits(seconds=0.0), begun.append)
    broken = build / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(CoverageError, match=r"contexts, broken: .* got \w+: "):
        run_requests([{**requests[0], "model": str(broken)}], CompileLimits(), begun.append)
    (build / "out").mkdir(exist_ok=True)
    lines, peak = run_requests(requests, CompileLimits(), begun.append)
    assert len(lines) == 1
    assert peak > 0
    assert 0 in begun


def test_a_process_that_dies_between_two_graphs_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: Small
) -> None:
    dying = tmp_path / "python"
    line = json.dumps({"seconds": 1.0, "assignment": [{"provider": "QNNExecutionProvider", "nodes": 3}]})
    dying.write_text(f"#!/bin/sh\necho '{line}' > ${{3%.json}}.answer.jsonl\nkill -SEGV $$\n")
    dying.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(dying))
    two = [{"model": "bert.onnx"}, {"model": "decoder.onnx"}]
    with pytest.raises(CoverageError, match=r"contexts, decoder: expected 2 contexts .* got crashed after"):
        run_requests(two, CompileLimits(), lambda _: None)
    dying.write_text(f"#!/bin/sh\necho '{line.replace('QNN', 'CPU')}' > ${{3%.json}}.answer.jsonl\n")
    with pytest.raises(CoverageError, match=r"contexts, bert: expected one subgraph, on the NPU, got .*CPUExecution"):
        run_requests(two[:1], CompileLimits(), lambda _: None)
    assert os.access(dying, os.X_OK)


def tiny(folder: Path) -> Path:
    parsed = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[1, 8, 1, 64] x) => (float[1, 8, 1, 64] y) '
        "{ a = Sqrt(x) \n y = Mul(a, x) }"
    )
    onnx.save(parsed, folder / "tiny.onnx")
    return folder / "tiny.onnx"


@needs_compiler
def test_a_context_equals_the_plain_model_on_the_simulation(tmp_path: Path) -> None:
    feeds = [{"x": np.full((1, 8, 1, 64), value, np.float32)} for value in (4, 9)]
    proven, outputs = prove_stage(
        Trial("tiny", "2s", tiny(tmp_path), feeds), CompileJob((CHIP,)), tmp_path / "contexts"
    )
    assert proven.against_plain == "bit for bit"
    assert proven.cpu_db >= proven.floor == 40.0
    assert [round(float(run["y"].mean())) for run in outputs] == [8, 27]


def test_what_a_proof_says_of_runs_that_differ(tmp_path: Path) -> None:
    trial, y = Trial("tiny", "2s", tmp_path / "tiny.onnx", ()), np.linspace(1, 2, 64, dtype=np.float32)

    def verdict(plain: np.ndarray, context: np.ndarray, cpu: np.ndarray) -> str:
        return compare_runs(trial, [{"y": plain}], [{"y": context}], [{"y": cpu}], 40.0).against_plain

    assert verdict(y, y, y * 1.001) == "bit for bit"
    assert verdict(y * 1.001, y, y) == "within the floor"
    assert verdict(y * 1.5, y, y) == "different"
    assert verdict(y, y, y * 1.5) == "different", "both are wrong alike"
    assert verdict(y, y * np.nan, y) == "different"
    assert compare_runs(trial, [], [{"y": y}], [{"y": y}], 40.0).against_plain == "different", "nothing was compared"


def test_durations_are_counted_from_the_simulations_outputs(build: Path, small: Small) -> None:
    (graph, *_) = context_graphs(build, (small.bucket,))
    reader = held_out_reader(build, graph, 2)
    trial = bert_trial(graph, reader)
    assert len(trial.feeds) == 2
    assert set(trial.feeds[0]) == {"ids", "token_mask"}
    texts = {values["ids"].tobytes(): values for values in reader.spoken}
    same = compare_simulated(reader, [{"d_en": values["d_en"]} for values in texts.values()])
    assert (same.changed, same.failures()) == (0, ())
    wrong = compare_simulated(reader, [{"d_en": -3 * values["d_en"]} for values in texts.values()])
    assert wrong.changed > 0
    assert "tokens change" in durations_in_words(wrong, wrong.failures())
    with pytest.raises(CoverageError, match="at least one sentence, got 0"):
        held_out_reader(build, graph, 0)
    assert make_text_reader(small.folder, small.bucket, SAID, 1).tokens < reader.tokens
