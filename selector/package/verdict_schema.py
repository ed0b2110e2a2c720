"""What the coverage report says about one file: the rules' findings, one compilation per chip, one simulated run.

Each holds its evidence and its verdict; a verdict that does not follow from the evidence is refused.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from selector.package.strict_schema import Count, StrictSchema

# provider: the execution provider refuses the node, so it runs on the CPU.
# session:  the provider takes it, and then the session cannot be created, or the process dies.
# nnapi:    the provider takes it, and NNAPI or the driver fails on it or computes something else.
# stricter: the provider takes it, and this project does not, for the reason that the hint states.
# inferred: concluded from source, not seen in a session of this release.
Basis = Literal["provider", "session", "nnapi", "stricter", "inferred"]
CompileOutcome = Literal["compiled", "refused", "crashed", "timeout", "memory", "skipped"]


class RefusedNode(StrictSchema):
    """One rule that one node breaks: `rule` states what the provider takes, `value` is what the node has."""

    node: str
    op: str
    rule: str
    value: str
    hint: str
    basis: Basis


class RuleFindings(StrictSchema):
    """The static verdict on one graph.

    `nodes` counts all nodes as the session sees them, `taken` those that the provider gets; `partitions` holds the node
    count of each subgraph; `dropped` names the nodes of partitions too small to keep; `conditions` say what the runner
    has to do for the verdict to hold.
    """

    covered: bool
    taken: Count
    nodes: Count
    partitions: tuple[Count, ...]
    refusals: tuple[RefusedNode, ...]
    dropped: tuple[str, ...]
    conditions: tuple[str, ...]

    @model_validator(mode="after")
    def _follows(self) -> RuleFindings:
        whole = self.nodes > 0 and not self.refusals and self.partitions == (self.nodes,)
        _must_follow("covered", self.covered, whole and self.taken == self.nodes)
        return self


class ChipCompilation(StrictSchema):
    """The verdict of Qualcomm's compiler on one file and one chip.

    Times are in seconds, sizes in bytes; `peak` is the process's resident maximum, `context` the size of the context
    binary (0 if none was requested).
    """

    covered: bool
    model: str
    soc: str
    outcome: CompileOutcome
    reason: str
    seconds: float
    cpu_seconds: float
    peak: Count
    nodes: Count
    nodes_on_npu: Count
    subgraphs: Count
    context: Count
    run_seconds: float

    @model_validator(mode="after")
    def _follows(self) -> ChipCompilation:
        whole = 0 < self.nodes == self.nodes_on_npu and self.subgraphs == 1
        _must_follow("covered", self.covered, self.outcome == "compiled" and whole)
        return self


class SimulatedRun(StrictSchema):
    """How close Qualcomm's simulation comes to the CPU: dB per output, and per residual block if blocks were run.

    `sha256` is that of the crop that ran; it is empty if the whole graph ran.
    """

    agrees: bool
    compilation: ChipCompilation
    decibels: dict[str, float]
    floor: float
    blocks: dict[str, float]
    sha256: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]

    @model_validator(mode="after")
    def _follows(self) -> SimulatedRun:
        enough = all(one >= self.floor for one in (*self.decibels.values(), *self.blocks.values()))  # NaN is below
        _must_follow("agrees", self.agrees, self.compilation.covered and bool(self.decibels) and enough)
        return self


def _must_follow(name: str, stated: bool, follows: bool) -> None:
    if stated != follows:
        raise ValueError(f"`{name}` is {stated}, which does not follow from the evidence beside it")
