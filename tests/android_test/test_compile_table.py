"""The table of compile costs: says what was measured and no more, in parts, and fails on a row that is not covered."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from android_test import __main__ as command
from android_test.coverage.htp import compile_table
from android_test.coverage.htp.compile_table import TABLE, Entry, compilation_row, compile_markdown
from android_test.coverage.htp.htp_host import Compilation, CompileJob
from android_test.coverage.htp.limited_child import GIB, CompileLimits

HALF = Entry("generator", "u16", "15s", "SM8550")
OTHER = Entry("decoder", "u16", "15s", "SM8550")
GOOD = Compilation("v.onnx", "SM8550", "compiled", "", 97.0, 90.4, 6 * GIB, 10, 10, 1, 72_000_000)


def line(table: str, entry: Entry) -> str:
    wanted = f"| {entry.graph} | {entry.activations} | {entry.bucket} | {entry.soc} |"
    return next(row for row in table.splitlines() if row.startswith(wanted)).removeprefix(wanted).strip()


def table_of(*rows: tuple[Entry, Compilation]) -> str:
    return compile_markdown({"measured": [compilation_row(entry, verdict, CompileLimits()) for entry, verdict in rows]})


def test_a_row_says_what_it_cost_and_what_was_not_measured_has_none() -> None:
    table = table_of((HALF, GOOD))
    assert line(table, HALF) == "90 s | 97 s | 6.0 GiB | 72 MB |"
    assert table.count("SM8550") == 1


def test_a_limit_is_recorded_as_one() -> None:
    ended = replace(GOOD, outcome="memory", peak=16 * GIB, context=0, nodes_on_npu=0)
    assert line(table_of((OTHER, ended)), OTHER) == "> 90 s | > 97 s | > 16.0 GiB | memory |"


def test_a_graph_partly_on_the_cpu_does_not_pass_as_compiled() -> None:
    assert line(table_of((HALF, replace(GOOD, nodes_on_npu=9))), HALF).endswith("72 MB, not covered |")


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> list[CompileJob]:
    """Jobs that a stand-in for the compiler was given; SM8650 is refused."""
    given: list[CompileJob] = []

    def compile_for(path: Path, job: CompileJob) -> tuple[Compilation, dict]:
        given.append(job)
        return replace(GOOD, outcome="refused" if job.socs == ("SM8650",) else "compiled"), {}

    monkeypatch.setattr(compile_table, "unavailable", lambda: "")
    monkeypatch.setattr(compile_table, "version", lambda name: "2")
    monkeypatch.setattr(compile_table, "compile_for", compile_for)
    monkeypatch.setattr(compile_table, "load_weights", lambda *given: object())
    monkeypatch.setattr(compile_table, "full_size_half", lambda *given: onnx.ModelProto())
    return given


def run(table: Path, graph: str, soc: str) -> int:
    names = ["--graphs", graph, "--activations", "u16", "--buckets", "15", "--socs", soc, "--table", str(table)]
    return command.main(["compile-table", *names])


def test_measures_only_what_the_table_lacks(compiler: list[CompileJob], tmp_path: Path) -> None:
    table = tmp_path / "table.json"
    assert run(table, "generator", "SM8550") == run(table, "generator", "SM8550") == 0
    assert run(table, "decoder", "SM8550") == 0
    assert len(compiler) == 2
    assert len(json.loads(table.read_text())["measured"]) == 2
    assert line(table.with_suffix(".md").read_text(), HALF) == "90 s | 97 s | 6.0 GiB | 72 MB |"


def test_a_refused_row_fails(compiler: list[CompileJob], tmp_path: Path) -> None:
    table = tmp_path / "table.json"
    assert run(table, "generator", "SM8650") == 1
    assert run(table, "generator", "SM8650") == 1, "a stored verdict counts as well"


def test_the_committed_table_follows_from_its_figures() -> None:
    assert TABLE.with_suffix(".md").read_text(encoding="utf-8") == compile_markdown(
        json.loads(TABLE.read_text("utf-8"))
    )
