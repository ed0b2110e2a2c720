"""The NNAPI rules against what ONNX Runtime's own provider said of 2,241 graphs (see nnapi_verdicts/README.md)."""

from __future__ import annotations

import csv
import io
import tarfile
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import onnx

from android_test.coverage.graph_view import GraphView
from android_test.coverage.nnapi.nnapi_rules import NnapiOptions, check_nnapi
from android_test.coverage.rule_verdict import Verdict

HERE = Path(__file__).parent / "nnapi_verdicts"
AGREEMENT, PARTITIONS = 0.97, 0.90  # the least shares

# What this project refuses although the provider takes it: the rule, its basis, and in how many verdicts. The hint of
# each rule says why.
DELIBERATE = {
    ("rank 1 to 4", "stricter"): 62,  # scalars and five dimensions as inputs: NNAPI has operands of 1 to 4
    ("rank 1 to 4", "nnapi"): 6,  # and as results, which the provider does not look at
    ("opset 13 or above", "stricter"): 8,  # this project writes and tests no older one
    ("fixed dimensions above zero", "stricter"): 3,  # to NNAPI, 0 is a dimension that is not known
    ("a declared shape", "stricter"): 1,  # no value_info, where ONNX Runtime's own inference knows the shape
    ("a bias scale of x_scale * w_scale", "nnapi"): 1,  # the provider ignores the bias's own scale
    ("an output scale above the product of the input scales", "nnapi"): 3,  # NNAPI's MUL asks for it
}


@dataclass(frozen=True)
class Case:
    """One graph at one level: what the provider said and what the rules say."""

    name: str
    provider: str
    partitions: int
    ours: Verdict

    @property
    def deliberate(self) -> bool:
        """Refused here and covered there, for reasons that the table names."""
        kinds = {(refusal.rule, refusal.basis) for refusal in self.ours.refusals}
        return bool(kinds) and kinds <= set(DELIBERATE)


@cache
def cases() -> tuple[Case, ...]:
    with tarfile.open(HERE / "graphs.tar.xz") as archive:
        files = {member.name: archive.extractfile(member) for member in archive}
        views = {name: GraphView.of(onnx.load(io.BytesIO(f.read()))) for name, f in files.items() if f}
    found = []
    with (HERE / "verdicts.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            ours = check_nnapi(views[row["graph"]], NnapiOptions(int(row["api_level"])))
            name = f"{row['graph']} at {row['api_level']}: {row['family']} {row['description']}"
            found.append(Case(name, row["provider"], int(row["nnapi_partitions"]), ours))
    return tuple(found)


def test_the_file_is_whole() -> None:
    counts = Counter(case.provider for case in cases())
    assert sum(counts.values()) == 2506
    assert set(counts) == {"covered", "refused", "session fails", "crash"}
    assert min(counts.values()) > 2


def test_nothing_is_covered_that_the_provider_does_not_cover() -> None:
    wrong = [case.name for case in cases() if case.ours.covered and case.provider != "covered"]
    assert not wrong, f"{len(wrong)} of {len(cases())} verdicts, first {wrong[:5]}"


def test_covered_and_refused_agree() -> None:
    others = [c.name for c in cases() if c.ours.covered != (c.provider == "covered") and not c.deliberate]
    share = 1 - len(others) / len(cases())
    assert share >= AGREEMENT, f"{100 * share:.1f} % of {len(cases())} verdicts agree; not {others[:5]}"


def test_what_is_refused_deliberately_is_listed() -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for case in cases():
        if case.provider == "covered" and not case.ours.covered and case.deliberate:
            seen.update({(refusal.rule, refusal.basis) for refusal in case.ours.refusals})
    assert dict(seen) == DELIBERATE


def test_the_number_of_partitions_agrees() -> None:
    both = [case for case in cases() if case.provider == "refused" and not case.ours.covered]
    others = [case.name for case in both if len(case.ours.partitions) != case.partitions]
    share = 1 - len(others) / len(both)
    assert share >= PARTITIONS, f"{100 * share:.1f} % of {len(both)} cuts agree; not {others[:5]}"


def test_what_kills_a_session_says_so() -> None:
    """A refusal of basis `session` is never about a graph of which the provider made a session with fewer nodes."""
    deadly = [case for case in cases() if case.provider == "crash"]
    assert deadly
    for case in deadly:
        assert {refusal.basis for refusal in case.ours.refusals} == {"session"}, case.name
    said = [case for case in cases() if {refusal.basis for refusal in case.ours.refusals} == {"session"}]
    assert said
    for case in said:
        assert case.provider in ("session fails", "crash"), case.name
