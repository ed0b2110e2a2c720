"""The bench compares like with like: threads as ours, and rows that say how often they were measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from android_test.bench import runners as bench_runners
from android_test.bench import tables
from export_onnx.run.sessions import SessionSettings
from selector.speak.synthesize import CPU_SESSION
from tests.android_test.test_bench import REQUEST, measured


def test_rows_count_their_own_repetitions_after_a_bench_in_parts() -> None:
    kept, new = measured() | {"repetitions": 1}, measured()
    kept["rows"] = [row | {"text": "66", "tokens": 66} for row in kept["rows"]]
    new["rows"] = [row | {"repetitions": 5} for row in new["rows"] if "error" not in row]
    both = tables.joined(kept, new)
    told = [(row["text"], tables.repetitions(row, both)) for row in both["rows"] if "error" not in row]
    assert told == [("66", 1), ("66", 1), ("13", 5), ("13", 5)]
    old = {name: value for name, value in new["rows"][0].items() if name != "repetitions"}
    assert tables.repetitions(old, both) == 1, "of figures kept before rows had it, the least is known"


def test_baselines_run_with_the_threads_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[SessionSettings] = []

    def session(model: object, settings: SessionSettings) -> None:
        given.append(settings)

    monkeypatch.setattr(bench_runners, "cpu_session", session)
    model = tmp_path / "original.onnx"
    model.touch()
    bench_runners.OriginalOnnx(replace(REQUEST, kind="onnx", threads=2, model=str(model)))
    ours = replace(CPU_SESSION, threads=2)
    assert given[0].threads == ours.threads
    for key, value in ours.entries.items():
        assert key.startswith("optimization.") or given[0].entries[key] == value
    assert given[0].entries
