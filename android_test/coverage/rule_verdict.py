"""What a check of a graph says: node by node what was refused and why, and how the rest is cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from selector.package.verdict_schema import Basis

TAKEN_BY_PROVIDER: Final = ("session", "nnapi", "stricter")


@dataclass(frozen=True)
class Limit:
    """What one rule has to say, before it is known of which node."""

    rule: str
    value: str
    hint: str
    basis: Basis = "provider"


@dataclass(frozen=True)
class Refusal:
    """One rule that one node breaks."""

    node: str
    op: str
    rule: str  # what is taken
    value: str  # what was found
    hint: str
    basis: Basis = "provider"

    def __str__(self) -> str:
        basis = "" if self.basis == "provider" else f" [{self.basis}]"
        return f"{self.node} ({self.op}): {self.rule}, got {self.value}{basis}. {self.hint}"


@dataclass(frozen=True)
class Verdict:
    """Static verdict on one graph.

    `nodes` counts all nodes as the provider sees them in the end, with what a layout step added; `partitions` holds
    the node count of each subgraph that the provider gets; `dropped` names the nodes of partitions too small to keep.
    """

    nodes: int
    partitions: tuple[int, ...]
    refusals: tuple[Refusal, ...]
    dropped: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()  # what the runner has to do for this verdict to hold

    @property
    def taken(self) -> int:
        """Nodes that the provider gets."""
        return sum(self.partitions)

    @property
    def covered(self) -> bool:
        """Every node, in one partition, with nothing refused. An empty graph is not covered."""
        return self.nodes > 0 and not self.refusals and self.partitions == (self.nodes,)
