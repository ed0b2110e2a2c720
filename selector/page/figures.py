"""The README's tables: a build's figures, kept in `figures.json` beside this file, and their Markdown.

The README names the weights that were measured, so that nobody takes one voice's figures for another's.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from export_onnx import console
from export_onnx.contracts import BUCKETS
from export_onnx.errors import ContractError
from selector.page.facts import BuildFacts, TargetFacts
from selector.page.flow import FLOW, flow_picture
from selector.page.headline import markdown, quality_tables

FIGURES: Final = Path(__file__).parent / "figures.json"
README: Final = Path(__file__).parent.parent.parent / "README.md"
BLOCKS: Final = ("quality", "coverage", "steps")


def figures_of(facts: BuildFacts) -> dict[str, Any]:
    """What the README shows of a build.

    Raises:
        ContractError: a target was not made, an NPU target's coverage not measured, or nothing compared with the
            ordinary ways to 8 bits: a README has no gaps.
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
        "coverage": target.coverage.model_dump(mode="json", exclude={"versions"}) if target.coverage else None,
    }


def _incomplete(what: str, command: str) -> ContractError:
    return ContractError("the README's tables", expected=what, got="nothing measured", todo=f"Run `{command}`.")


def blocks(figures: Mapping[str, Any]) -> dict[str, str]:
    """Name -> Markdown between its two marks."""
    made = {"quality": quality_tables(figures), "coverage": coverage_table(figures), "steps": steps_table(figures)}
    return {name: f"<!-- {name}: made by `make readme` -->\n{made[name]}\n<!-- end of {name} -->" for name in BLOCKS}


def coverage_table(figures: Mapping[str, Any]) -> str:
    """One row an NPU stage: the levels proven in each bucket."""
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
            levels = [", ".join(proven[b]) or "nothing" if b in proven else "not looked at" for b in names]
            rows.append((f"`{name}`", f"`{stage}`", *levels, f"{min(shares):.1f} to {max(shares):.1f} %"))
    weights = figures["weights"]["name"]
    held = "".join(f" Holds where {condition}." for condition in conditions)
    return markdown(rows) + f"\n\nWeights `{weights}`: another size has other shares.{held}"


def steps_table(figures: Mapping[str, Any]) -> str:
    """One row a step: what it took on the computer that made the figures."""
    rows: list[tuple[str, ...]] = [("step", "seconds", "peak memory"), ("---", "---", "---")]
    rows += [(f"`{name}`", f"{seconds:.0f}", f"{memory} MB") for name, (seconds, memory) in figures["steps"].items()]
    where = f"On {figures['machine']}, with whatever else the computer did; memory is the process's peak so far."
    return markdown(rows) + f"\n\n{where}"


def rewritten(text: str, figures: Mapping[str, Any]) -> str:
    """The README with its blocks made new.

    Raises:
        ContractError: a block's marks are missing.
    """
    for block in blocks(figures).values():
        begin, end = block.split("\n", 1)[0], block.rsplit("\n", 1)[1]
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ContractError("README.md", expected=f"{begin} … {end}", got="not both, once", todo="Put them back.")
        text = text[: text.index(begin)] + block + text[text.index(end) + len(end) :]
    return text


def read_figures() -> dict[str, Any]:
    """The figures that the README was made from."""
    figures: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return figures


def rewrite_readme(facts: BuildFacts) -> None:
    """Keeps a build's figures and makes the README's tables from them, and its picture from the contract.

    Raises:
        ContractError: see `figures_of` and `rewritten`; nothing is written then.
    """
    figures = figures_of(facts)
    text = rewritten(README.read_text(encoding="utf-8"), figures)
    FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    README.write_text(text, encoding="utf-8")
    FLOW.write_text(flow_picture(), encoding="utf-8")
    console.say(f"{README.name}: {', '.join(BLOCKS)} from {figures['weights']['name']}")
