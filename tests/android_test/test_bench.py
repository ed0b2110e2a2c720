"""The bench: turns, ratios and rows are right, a contender that dies is a row, the committed table is the figures'."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from android_test.bench import child as child_module
from android_test.bench import tables
from android_test.bench.child import Child, Died, peak_memory_mb, serve
from android_test.bench.contenders import CONTENDERS, contender
from android_test.bench.measure import Course, bench_row, quartiles, race
from android_test.bench.passages import fill, read_passages
from android_test.bench.runners import BenchRequest, OwnStages, TimedRun, request_of, sound_seconds
from export_onnx.buckets import Bucket
from export_onnx.errors import ContractError
from export_onnx.run.text import phonemize
from quantize.ops.build_library import OPS_LIBRARY
from quantize.ops.platforms import this_platform
from tests.android_test.test_arm64_fused import packaged

REQUEST = BenchRequest("cpu", "stages", 1, "Hello.", "demo", (0, 1, 0), (0.5,) * 256)
ANSWER: dict[str, Any] = {"seconds": 0.5, "cpu_seconds": 0.4, "peak_memory_mb": 100.0, "audio_seconds": 2.0}
ANSWER |= {"first_audio_seconds": 0.25, "stages_ms": {"vocoder": 400.0}}
SPEAKS = f"""
import json, sys
request = json.loads(sys.stdin.readline())
print(json.dumps({{"load_seconds": 1.0, "disk_mb": len(request["ids"])}}), flush=True)
for line in sys.stdin:
    print(json.dumps({ANSWER!r}), flush=True)
"""


def command(code: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", code)


def runs(*seconds: float) -> list[dict[str, Any]]:
    return [ANSWER | {"seconds": s, "cpu_seconds": s} for s in seconds]


def test_the_passages_have_the_lengths_that_they_are_named_for() -> None:
    passages = read_passages()
    assert len(passages) == 6
    for passage in passages:
        tokens = len(phonemize(passage.text)) + 2
        assert tokens == pytest.approx(int(passage.name), rel=0.1), passage.name
        assert tokens <= 512


def test_a_full_bucket_is_the_longest_beginning_that_fits() -> None:
    bucket = Bucket(5, 128)  # 200 frames
    full = fill(bucket, "a b c d e f", lambda words: 45 * len(words.split()))
    assert (full.text, full.bucket, full.name) == ("a b c d", "5s", "full-5s")
    assert fill(bucket, "a b", len).text == "a b"
    with pytest.raises(ContractError, match="expected a word of at most 200 frames"):
        fill(bucket, "a b", lambda words: 201)


def test_an_unknown_contender_is_refused() -> None:
    assert contender("cpu").kind == "stages"
    with pytest.raises(ContractError, match=r"expected pytorch \| onnx"):
        contender("gpu")


def test_silence_and_nan_are_no_result() -> None:
    assert sound_seconds(np.ones(24000, np.float32), "x") == 1.0
    for bad in (np.zeros(10), np.array([]), np.array([1.0, np.nan])):
        with pytest.raises(ContractError, match="finite waveform"):
            sound_seconds(bad, "x")


def test_quartiles_and_one_value() -> None:
    assert quartiles([4.0, 1.0, 2.0, 3.0, 5.0]) == (2.0, 3.0, 4.0)
    assert quartiles([7.0]) == (7.0, 7.0, 7.0)


def test_a_row_s_ratio_is_of_pairs_and_not_of_medians() -> None:
    loaded = {"load_seconds": 1.5, "disk_mb": 10.0}
    slow = Course(contender("pytorch"), loaded, runs(2.0, 8.0, 4.0))  # the machine was busy in the second round
    fast = Course(contender("cpu"), loaded, runs(1.0, 2.0, 1.0))
    row = bench_row(fast, slow)
    assert (row["ms"], row["ratio"], row["cpu_ratio"], row["repetitions"]) == (1000.0, 4.0, 4.0, 3)
    assert (row["ratio_low"], row["ratio_high"]) == (3.0, 4.0)
    assert (row["audio_seconds"], row["real_time_factor"], row["first_audio_ms"]) == (2.0, 0.5, 250.0)
    assert (row["load_ms"], row["disk_mb"], row["peak_memory_mb"], row["vocoder_ms"]) == (1500.0, 10.0, 100.0, 400.0)
    assert bench_row(slow, slow)["ratio"] == 1.0
    assert "ratio" not in bench_row(fast, None)
    assert "ratio" not in bench_row(fast, replace(slow, error="died"))
    died = bench_row(replace(fast, error="died, exit status -9"), slow)
    assert died == {"contender": "cpu", "error": "died, exit status -9"}


class Scripted(Child):
    """A child without a process; notes who ran."""

    def __init__(self, name: str, log: list[str], dies: bool) -> None:
        self.name, self.log, self.dies = name, log, dies

    def answer(self) -> dict[str, Any]:
        self.log.append(f"load {self.name}")
        return {"load_seconds": 1.0, "disk_mb": 1.0}

    def run(self) -> dict[str, Any]:
        if self.dies:
            raise Died("no more")
        self.log.append(self.name)
        return dict(ANSWER)

    def close(self) -> None:
        self.log.append(f"close {self.name}")


def test_repetitions_are_taken_in_turn_and_the_first_changes() -> None:
    log: list[str] = []
    ways = CONTENDERS[:3]
    requests = {one: replace(REQUEST, contender=one.name) for one in ways}
    courses = race(requests, 2, 1, lambda part: None, lambda r, _: Scripted(r.contender, log, r.contender == "onnx"))
    first, dead, third = (one.name for one in ways)
    assert log[3:] == [first, third, third, first, *(f"close {name}" for name in (first, dead, third))]
    assert [len(course.runs) for course in courses] == [2, 0, 2]
    assert [course.error for course in courses] == ["", "no more", ""]


def test_a_child_answers_crashes_hangs_and_complains() -> None:
    alive = Child(REQUEST, 20, command(SPEAKS))
    assert alive.answer() == {"load_seconds": 1.0, "disk_mb": 3}
    assert alive.run() == ANSWER
    alive.close()
    assert alive.process.returncode is not None
    for code, why in (
        ("import os; os.abort()", "died, exit status -6"),
        ("import time; time.sleep(60)", "no answer in 1 s"),
        ("""print('{"error": "too long"}', flush=True)""", "too long"),
    ):
        child = Child(REQUEST, 1 if "sleep" in code else 20, command(code))
        with pytest.raises(Died, match=why):
            child.answer()
        assert child.process.returncode is not None


def test_the_child_s_side_reports_and_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    class Talker:
        late_load_seconds = 100.0
        disk_bytes = 2_000_000

        def __init__(self, request: BenchRequest) -> None:
            assert request == REQUEST
            self.done = 0

        def run(self) -> TimedRun:
            self.done += 1
            if self.done == 3:
                raise ValueError("at the third")
            return TimedRun(1.0, 0.5, {"tail": float(self.done)})

    from dataclasses import asdict

    monkeypatch.setattr(child_module, "runner_class", lambda request: Talker)
    answers = io.StringIO()
    serve(io.StringIO(json.dumps(asdict(REQUEST)) + "\nrun\nrun\nrun\n"), answers)
    first, run, last = map(json.loads, answers.getvalue().splitlines())
    assert first["load_seconds"] >= 100
    assert first["disk_mb"] == 2
    assert run["stages_ms"] == {"tail": 2.0}, "the first run is a warm-up"
    assert run["peak_memory_mb"] == pytest.approx(peak_memory_mb(), rel=0.2)
    assert last == {"error": "ValueError: at the third"}


def test_a_package_is_raced_with_both_kinds_of_operators(ops: Path, tmp_path: Path) -> None:
    fused_package = packaged(tmp_path, ops, ops, 0.25).folder
    stock, fused = (
        OwnStages(replace(REQUEST, model=str(fused_package), voice="af_short", fused=fused)) for fused in (False, True)
    )
    assert [chain.files["decoder"].name for chain in (*stock.chains.values(), *fused.chains.values())] == [
        "decoder_any.onnx",
        "decoder_any_fused.onnx",
    ]
    assert fused.disk_bytes > stock.disk_bytes - 10_000
    library = fused_package / "lib" / this_platform() / OPS_LIBRARY
    changed = library.read_bytes() + b"\0"
    library.unlink()  # a file of its own: the old one is in use
    library.write_bytes(changed)
    with pytest.raises(ContractError, match=r"expected fused operators, got lib/.* is changed"):
        OwnStages(replace(REQUEST, model=str(fused_package), voice="af_short", fused=True))


def test_a_request_survives_json() -> None:
    from dataclasses import asdict

    assert request_of(json.loads(json.dumps(asdict(REQUEST)))) == REQUEST


def test_peak_memory_grows_with_memory() -> None:
    """In a process of its own: this one may have held more before."""
    grown = """
import numpy
from android_test.bench.child import peak_memory_mb
before = peak_memory_mb()
held = numpy.ones(40_000_000, numpy.float32)
print(peak_memory_mb() - before)
"""
    done = subprocess.run([sys.executable, "-c", grown], check=True, capture_output=True, text=True)
    assert 150 < float(done.stdout) < 200


def measured() -> dict[str, Any]:
    loaded = {"load_seconds": 1.5, "disk_mb": 10.0}
    slow, fast = (Course(contender(n), loaded, runs(s)) for n, s in (("pytorch", 4.0), ("cpu", 1.0)))
    common = {"weights": "random", "text": "13", "tokens": 13, "threads": 2}
    dead = Course(contender("onnx"), error="died")
    return {
        "machine": {"processor": "Some CPU", "has": "avx2", "cores": 2, "memory_gb": 8.0, "system": "Linux"},
        "load_average": {"before": 0.1, "after": 2.0},
        "versions": {"torch": "2", "onnxruntime": "1"},
        "session": {"spinning": "0"},
        "models": {"random": "1"},
        "repetitions": 5,
        "rows": [common | bench_row(course, slow) for course in (slow, dead, fast)],
        "steps": {},
        "seconds": 1.0,
    }


def test_the_block_shows_times_ratios_and_what_failed() -> None:
    block = tables.bench_block(measured())
    assert "| 13 | 13 | 2.0 s | 4,000 | failed | 1,000 (4.00x) |" in block
    assert "| `cpu` | 1,500 ms | 250 ms | 100 MB | 10.0 MB |" in block
    assert "busy" not in block
    wide = measured()
    wide["rows"][-1] |= {"ratio_low": 3.0, "ratio_high": 5.0, "repetitions": 3}
    assert "quartiles 50% apart, in the widest row 50%" in tables.bench_block(wide), "PyTorch's own rows do not count"
    wide["rows"][-1]["repetitions"] = wide["rows"][0]["repetitions"] = 3
    once = [row | {"repetitions": 1, "ratio_low": 4.0, "ratio_high": 4.0} for row in wide["rows"]]
    mixed = wide | {"rows": [*wide["rows"], *once]}
    assert "quartiles 50% apart, in the widest row 50%" in tables.bench_block(mixed), "one value has no quartiles"
    assert "median of 1 or more repetitions" in tables.bench_block(mixed)
    assert "apart" not in tables.bench_block(wide | {"rows": once})
    busy = measured() | {"load_average": {"before": 9.0, "after": 8.0}}
    assert "load average 9 before, 8 after" in tables.bench_block(busy)


def test_a_bench_in_parts_replaces_whole_races_and_keeps_only_what_compares() -> None:
    kept, new = measured(), measured() | {"repetitions": 2, "load_average": {"before": 0.5, "after": 1.0}}
    kept["rows"] += [row | {"text": "66", "tokens": 66} for row in kept["rows"]]
    new["rows"] = new["rows"][:1]
    both = tables.joined(kept, new)
    assert [(row["text"], row["contender"]) for row in both["rows"]] == [
        *(("66", name) for name in ("pytorch", "onnx", "cpu")),
        ("13", "pytorch"),
    ], "the other rows of a race that was run again are of another run"
    assert (both["repetitions"], both["load_average"]) == (2, {"before": 0.5, "after": 2.0})
    assert tables.bench_block(both).index("| 13 | 13 |") < tables.bench_block(both).index("| 66 | 66 |")
    other: dict[str, Any]
    for other in ({"machine": {}}, {"versions": {}}, {"session": {}}, {"models": {"random": "2"}}):
        assert tables.joined(kept | other, new)["rows"] == new["rows"]
    voice = {"rows": [row | {"weights": "demo"} for row in kept["rows"]], "models": {"demo": "3"}}
    assert len(tables.joined(kept | voice, new)["rows"]) == 7, "another checkpoint's rows stay"


def test_every_row_is_on_the_screen_and_a_dead_one_has_no_figures() -> None:
    head, cells = tables.screen_rows(measured()["rows"])
    assert head[:4] == ("weights", "text", "threads", "contender")
    assert [row[3] for row in cells] == ["pytorch", "onnx", "cpu"]
    assert set(cells[1][4:]) == {"–"}
    assert cells[2][7] == "4.0"


def test_the_page_s_table_is_what_the_committed_figures_give() -> None:
    figures = tables.read_measured()
    page = tables.BENCH.file.read_text(encoding="utf-8")
    assert tables.BENCH.marked(tables.bench_block(figures)) in page, "run `python -m android_test bench --readme`"
    figures["rows"][0]["ms"] += 1000
    assert tables.bench_block(figures) not in page


def test_figures_are_kept_with_their_table_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, page = tmp_path / "measured.json", tmp_path / "benchmarks.md"
    block = replace(tables.BENCH, file=page)
    monkeypatch.setattr(tables, "MEASURED", kept)
    monkeypatch.setattr(tables, "BENCH", block)
    page.write_text("no marks")
    with pytest.raises(ContractError, match="Put them back"):
        tables.keep_measured(measured())
    assert not kept.exists()
    page.write_text(f"before\n{block.marked('old')}\nafter\n")
    tables.keep_measured(measured())
    assert json.loads(kept.read_text()) == measured()
    assert page.read_text() == f"before\n{block.marked(tables.bench_block(measured()))}\nafter\n"
