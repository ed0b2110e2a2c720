"""The page of whole, restricted and incomplete builds, and the page that a package carries."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from export_onnx.errors import ContractError, PackageError
from selector.choose import measured_texts as corpus
from selector.package import make_packages
from selector.package.opened import Package
from selector.page.make import make_page
from selector.page.packaged import FOLDER, packaged_page
from selector.page.render import told
from tests.selector.page_build import (
    BUCKETS,
    EVERY_LEVEL,
    cover,
    faults,
    images,
    page_build,
    page_words,
    players,
    write,
)

ALL = {bucket.name: ["rules"] for bucket in BUCKETS}


def chips(html: str) -> list[str]:
    section = html[html.index('id="coverage"') : html.index('id="quality"')]
    return re.findall(r'<span class="chip[^>]*>([^<]*)<', section)


def test_levels_are_those_proven_and_no_more(tmp_path: Path) -> None:
    build = page_build(tmp_path, ("nnapi", "qnn"))
    first, *between, last = ALL
    cover(build, {first: list(EVERY_LEVEL), **{name: ["rules"] for name in between}, last: []}, "simulated", "qnn")
    page = make_page(build, ("nnapi", "qnn")).read_text(encoding="utf-8")
    rules = "rules (Qualcomm HTP)"
    half = [rules, "compiled (Qualcomm HTP)", "simulated (Qualcomm HTP)", *[rules] * len(between), "nothing proven"]
    assert chips(page) == ["not looked at"] + [rules] * len(ALL) + 2 * half
    unproven = f"decoder runs on the CPU, not proven: simulated (Qualcomm HTP) in {', '.join((*between, last))}"
    assert unproven in page_words(page)
    assert 'class="box npu"' not in page, "what is not proven in every bucket runs on the CPU"
    cover(build, {first: ["rules"]})
    found = chips(make_page(build, ("nnapi",)).read_text(encoding="utf-8"))
    assert found == ["rules (NNAPI)", "compiled: only on a phone", *["not looked at"] * len(BUCKETS[1:])] * 3


def test_coverage_of_other_models_is_not_told(tmp_path: Path) -> None:
    build = page_build(tmp_path, ("nnapi",))
    cover(build, ALL)
    changed = build / "quantize" / "nnapi" / "generator_15s.onnx"
    changed.write_bytes(changed.read_bytes() + b"other")
    page = make_page(build, ("nnapi",)).read_text(encoding="utf-8")
    assert chips(page) == ["not looked at"]
    assert 'class="box npu"' not in page
    assert "Nobody counted the work" in page
    assert 'class="share' not in page


def test_a_missing_target_is_named_and_without_any_nothing_is_played(tmp_path: Path) -> None:
    build = page_build(tmp_path, ("cpu",))
    page = make_page(build, ("nnapi", "cpu")).read_text(encoding="utf-8")
    assert "Not made in this build: nnapi." in page_words(page)
    assert faults(page) == []
    assert 'class="box cpu"' in page
    assert 'class="box npu"' not in page, "the cpu target runs nothing on an NPU"
    (build / "quantize" / "cpu" / "report.json").unlink()
    page = make_page(build, ("nnapi", "cpu")).read_text(encoding="utf-8")
    assert "Nothing to hear: no target is made yet." in page_words(page)
    assert players(page) == images(page) == []


@pytest.mark.parametrize("step", ["export_onnx", "calibrate", "quantize/cpu"])
def test_a_restricted_step_is_refused(tmp_path: Path, step: str) -> None:
    build = page_build(tmp_path, ("cpu",))
    file = build / step / "report.json"
    write(file, {**json.loads(file.read_text()), "stages": ["bert"]})
    with pytest.raises(ContractError, match="restricted to bert"):
        make_page(build, ("cpu",))
    assert not (build / "report.html").exists()


def test_the_package_carries_it_without_this_computers_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "RUNS", 0)  # the fewest texts
    monkeypatch.setattr(make_packages, "write_sdk_jar", lambda dist, version: (None, "left out"))
    build = page_build(tmp_path / "build", ("cpu",))
    make_page(build, ("cpu",))
    made = make_packages.make_packages(build, tmp_path / "dist", ["cpu"], "0.1.0", "command")
    package = Package.open(tmp_path / "dist" / made["targets"]["cpu"]["package"])
    carried = (package.folder / "report.html").read_text(encoding="utf-8")
    assert "report.html" in package.manifest.files
    assert faults(carried) == []
    slower = json.loads((build / "quantize" / "cpu" / "report.json").read_text())
    write(build / "quantize" / "cpu" / "report.json", {**slower, "seconds": 99.25, "peak_memory_mb": 77_777})
    assert "99.2" in page_words(make_page(build, ("cpu",)).read_text(encoding="utf-8"))
    assert (build / FOLDER / "report.html").read_text(encoding="utf-8") == carried
    assert str(tmp_path) not in carried


def test_a_page_about_other_models_is_not_packaged(tmp_path: Path) -> None:
    build = page_build(tmp_path, ("nnapi",))
    assert packaged_page(build, "nnapi") is None
    make_page(build, ("nnapi",))
    assert packaged_page(build, "nnapi") == build / FOLDER / "report.html"
    cover(build, ALL)
    with pytest.raises(PackageError, match="coverage/nnapi"):
        packaged_page(build, "nnapi")
    make_page(build, ("nnapi",))
    file = build / "quantize" / "nnapi" / "report.json"
    write(file, {**json.loads(file.read_text()), "signature": "another"})
    with pytest.raises(PackageError, match="python -m selector report"):
        packaged_page(build, "nnapi")


def test_a_fact_is_told_in_words_whatever_its_form() -> None:
    assert told({"decision": "float", "reason": "one changes", "parts": {"x": 1}}) == "float (one changes)"
    assert told({"decision": [], "reason": "all do"}) == "none (all do)"
    assert told({"bits": 16, "snr_db": 51.23456, "parts": {"x": 1}}) == "bits 16, snr db 51.23"
    assert told(["a", "b"]) == "a, b"
