"""`python -m selector report`: `build/report.html`, and the packages' copy of it without this computer's times."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Final

from export_onnx import console
from export_onnx.buckets import sentence_bucket
from export_onnx.provenance import (
    Report,
    code_digest,
    is_up_to_date,
    read_report,
    sha256,
    signature,
    start,
    versions,
)
from selector.package.coverage_schema import coverage_signature
from selector.page.facts import BuildFacts, read_build_facts
from selector.page.listen import listen_to_targets
from selector.page.packaged import FOLDER, PAGE
from selector.page.render import render

SHAPED_BY: Final = ("jinja2", "matplotlib", "pillow", "soundfile")
TEMPLATES: Final = ("page.html.j2", "page.css", "page.js")


def make_page(build: Path, targets: Sequence[str], out: Path | None = None) -> Path:
    """Writes both pages, or finds them up to date.

    Args:
        targets: those that are not made are named on the page as missing.
        out: default: `build/report.html`.

    Raises:
        ContractError: a step has not completed, or was restricted.
    """
    facts, folder, out = read_build_facts(build, targets), build / FOLDER, out or build / PAGE
    wanted = page_signature(facts)
    report = read_report(folder)
    if report and is_up_to_date(folder, wanted) and out.is_file() and sha256(out) == report["page_sha256"]:
        console.say(f"{out} is up to date")
        return out
    start(folder)
    written = Report(folder, wanted)
    names = [target.name for target in facts.targets]
    heard = listen_to_targets(build, sentence_bucket(facts.buckets), names) if names else []
    (folder / PAGE).write_text(render(facts, heard, here=False), encoding="utf-8")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(render(facts, heard, here=True), encoding="utf-8")
    made_from = {name: report["signature"] for name, report in facts.steps.items()}
    made_from |= {f"coverage/{target.name}": coverage_signature(target.coverage) for target in facts.targets}
    written.write({"made_from": made_from, "sentences": len(heard), "page_sha256": sha256(out)})
    console.say(f"{out}: {out.stat().st_size / 1e6:.1f} MB, {len(heard)} sentences")
    return out


def page_signature(facts: BuildFacts) -> str:
    """One digest of everything that the page depends on."""
    return signature(
        steps=facts.steps,
        coverage={target.name: [coverage_signature(target.coverage), target.work] for target in facts.targets},
        fused={target.name: target.fused.model_dump(mode="json") for target in facts.targets if target.fused},
        arm64={target.name: [one.model_dump(mode="json") for one in target.arm64] for target in facts.targets},
        missing=facts.missing,
        bench=facts.bench,
        code=code_digest("export_onnx", "calibrate", "quantize", "selector"),
        templates=[files("selector.page").joinpath(name).read_text(encoding="utf-8") for name in TEMPLATES],
        versions={**versions(), **{name: version(name) for name in SHAPED_BY}},
    )
