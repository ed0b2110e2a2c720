"""The tables of README and docs: a build's figures, stored in `figures.json` beside this file, and their Markdown.

They name the weights that were measured, so that nobody takes one voice's figures for another's.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from export_onnx import console
from export_onnx.buckets import BUCKETS
from export_onnx.contract_table import STAGES_BLOCK, stages_table
from export_onnx.errors import ContractError
from export_onnx.marked_blocks import DOCS, README, MarkedBlock, markdown_rows, rewritten_files
from selector.package.coverage_schema import levels_in_words
from selector.page.facts import BuildFacts, TargetFacts
from selector.page.flow import FLOW, flow_picture
from selector.page.headline import headline_table, quality_tables
from selector.page.worked_example import EXAMPLE, example_tables

FIGURES: Final = Path(__file__).parent / "figures.json"
HEADLINE: Final = MarkedBlock("headline", README)
QUALITY: Final = MarkedBlock("quality", DOCS / "quality.md")
COVERAGE: Final = MarkedBlock("coverage", DOCS / "coverage_levels.md")
STEPS: Final = MarkedBlock("steps", DOCS / "benchmarks.md")


def figures_of(facts: BuildFacts) -> dict[str, Any]:
    """The figures of a build that README and docs show.

    Raises:
        ContractError: a target was not made, an NPU target's coverage not measured, or nothing compared with the
            ordinary ways to 8 bits: the tables have no gaps.
    """
    for target in facts.targets:
        if target.name != "cpu" and not target.coverage:
            raise _incomplete(f"coverage of {target.name}", "python -m android_test coverage")
    if facts.missing:
        raise _incomplete(f"targets {', '.join(facts.missing)}", "python -m quantize")
    if not facts.comparison:
        raise _incomplete("the ordinary ways to 8 bits beside ours", "python -m quantize --compare")
    weights = facts.exported["weights"]
    return {
        "weights": {**weights, "sha256": {f: d for f, d in weights["sha256"].items() if not f.startswith("voices/")}},
        "versions": facts.exported["versions"],
        "buckets": [bucket.name for bucket in facts.buckets],
        "targets": {target.name: _target(target) for target in facts.targets},
        "comparison": facts.comparison,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "steps": {name: [report["seconds"], report["peak_memory_mb"]] for name, report in facts.steps.items()},
    }


def _target(target: TargetFacts) -> dict[str, Any]:
    convolutions = target.blocklist["convolutions"].values()
    left_out = [row["decision"] == "float" for row in convolutions]
    parted = [len(row["float_channels"]) for row in convolutions if row["decision"] != "float"]
    return {
        "quality": target.report["quality"],
        "convolution_share": target.report["convolution_share"],
        "convolutions_in_float": [sum(left_out), len(left_out)],
        "channels_in_float": sum(parted),
        "bytes": sum(target.sizes.values()),
        "size_goal": target.report["size_goal"],
        "fused": target.fused.model_dump(mode="json") if target.fused else None,
        "coverage": target.coverage.model_dump(mode="json", exclude={"versions"}) if target.coverage else None,
    }


def _incomplete(what: str, command: str) -> ContractError:
    return ContractError("tables of README and docs", expected=what, got="nothing measured", todo=f"Run `{command}`.")


def table_blocks(figures: Mapping[str, Any]) -> dict[MarkedBlock, str]:
    """Every block that `make readme` writes, with its Markdown."""
    return {
        HEADLINE: headline_table(figures),
        QUALITY: quality_tables(figures),
        COVERAGE: coverage_table(figures),
        STEPS: steps_table(figures),
        STAGES_BLOCK: stages_table(),
        EXAMPLE: example_tables(),
    }


def coverage_table(figures: Mapping[str, Any]) -> str:
    """One row per NPU stage: the levels proven in each bucket."""
    names = [bucket.name for bucket in BUCKETS]
    columns = ("target", "stage", *names, "share of the chain's multiply-adds on the NPU")
    rows, conditions = [columns, ("---",) * len(columns)], []
    for name, target in figures["targets"].items():
        coverage = target["coverage"]
        if not coverage:
            continue
        conditions += [line for line in coverage["conditions"] if line not in conditions]
        shares = [100 * share for share in coverage["share_of_multiply_adds_on_npu"].values()]
        for stage, proven in coverage["proven"].items():
            levels = [", ".join(levels_in_words(proven.get(b), name)) for b in names]
            rows.append((f"`{name}`", f"`{stage}`", *levels, f"{min(shares):.1f} to {max(shares):.1f} %"))
    weights = figures["weights"]["name"]
    held = "".join(f" The verdicts hold where {condition}." for condition in conditions)
    return markdown_rows(rows) + f"\n\nWeights `{weights}`: another size has other shares.{held}"


def steps_table(figures: Mapping[str, Any]) -> str:
    """One row per step: its time and memory on the computer that made the figures."""
    rows: list[tuple[str, ...]] = [("step", "seconds", "peak memory"), ("---", "---", "---")]
    rows += [(f"`{name}`", f"{seconds:.0f}", f"{memory} MB") for name, (seconds, memory) in figures["steps"].items()]
    where = f"On {figures['machine']}, with whatever else the computer did; memory is the process's peak so far."
    return markdown_rows(rows) + f"\n\n{where}"


def read_figures() -> dict[str, Any]:
    """Reads the figures that the tables were made from."""
    figures: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return figures


def write_tables(figures: Mapping[str, Any]) -> None:
    """Writes the tables of README and docs, and the README's picture from the contract.

    Raises:
        ContractError: a block's marks are missing; nothing is written then.
    """
    for file, text in rewritten_files(table_blocks(figures)).items():
        file.write_text(text, encoding="utf-8")
        console.say(f"{file.name} from {figures['weights']['name']}")
    FLOW.write_text(flow_picture(), encoding="utf-8")


def keep_figures(facts: BuildFacts) -> None:
    """Stores a build's figures and writes the tables from them.

    Raises:
        ContractError: see `figures_of` and `write_tables`; nothing is written or kept then.
    """
    figures = figures_of(facts)
    write_tables(figures)
    FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
