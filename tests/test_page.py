"""The page says what the reports say and no more, sounds, shows, repeats its bytes, and travels in the package."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from export_onnx.errors import ContractError, PackageError
from export_onnx.geometry import SAMPLE_RATE
from selector import corpus, release
from selector.package import Package
from selector.page.make import make_page
from selector.page.packaged import FOLDER, packaged_page
from selector.page.pictures import difference, spectrogram
from selector.page.render import told
from tests.page_build import BUCKETS, EVERY_LEVEL, HELD_OUT, cover, faults, images, page_build, players, write
from tests.selector_fakes import tone

TARGETS = ("nnapi", "cpu")
ALL = {bucket.name: ["rules"] for bucket in BUCKETS}


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = page_build(tmp_path_factory.mktemp("page") / "build")
    cover(folder, ALL)
    make_page(folder, TARGETS)
    return folder


@pytest.fixture(scope="module")
def html(build: Path) -> str:
    return (build / "report.html").read_text(encoding="utf-8")


def words(html: str) -> str:
    """What a reader reads."""
    text = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))


def test_it_says_what_the_reports_say(html: str) -> None:
    text = words(html)
    for said in (
        "fake",
        "0" * 64,
        "36.9 dB",
        "0.28 dB",
        "12.5",
        "345 MB",
        "97.8 %",
        "a veil of noise",
        "ups.0",
        "51.2 dB",
    ):
        assert said in text, said
    seconds = " ".join(f"{bucket.seconds:g}" for bucket in BUCKETS)
    assert f'WEIGHTS=fake TARGETS="nnapi cpu" BUCKETS="{seconds}"' in text.replace("&#34;", '"')
    assert "15 of 15 sentences" in text
    assert all(f"“{one['text']}”" in text for one in HELD_OUT)
    assert "Holds where it rains." in text
    assert len(html) < 3_000_000


def test_it_sounds_and_shows(html: str) -> None:
    assert len(players(html)) == len(HELD_OUT) * (1 + len(TARGETS))
    assert len(images(html)) == len(HELD_OUT) * (1 + 2 * len(TARGETS))
    assert faults(html) == []
    reference, other = players(html)[:2]
    assert np.allclose(other, 0.9 * reference, atol=2 / 2**15)


def replaced(html: str, kind: str, content: bytes) -> str:
    return re.sub(rf"(data:{kind};base64,)[^\"]*", rf"\g<1>{base64.b64encode(content).decode()}", html, count=1)


def test_a_silent_player_and_an_empty_picture_are_faults(html: str) -> None:
    sound, picture = io.BytesIO(), io.BytesIO()
    soundfile.write(sound, np.zeros(SAMPLE_RATE), SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    Image.new("P", (30, 80)).save(picture, "PNG")
    assert faults(replaced(html, "audio/flac", sound.getvalue())) == ["silent player 0"]
    assert faults(replaced(html, "image/png", picture.getvalue())) == ["empty picture 0"]
    assert faults(html.replace('href="data:,"', 'href="style.css"')) == ["refers to style.css"]


def test_a_difference_is_black_where_nothing_differs_and_bright_at_half_again_as_loud() -> None:
    sound = tone(40)[0] * np.repeat(np.linspace(0.1, 1, 40), 600)

    def brightness(uri: str) -> float:
        return float(images(f'<img src="{uri}"')[0].mean())

    assert brightness(difference(sound, sound)) == 0
    assert brightness(difference(1.5 * sound, sound)) > 3 * brightness(difference(1.05 * sound, sound)) > 0
    assert brightness(spectrogram(sound, sound)) > 10
    assert brightness(spectrogram(0 * sound, 0 * sound)) == 0


def test_the_same_build_gives_the_same_bytes_and_a_second_run_does_nothing(
    build: Path, html: str, capsys: pytest.CaptureFixture[str]
) -> None:
    packaged = (build / FOLDER / "report.html").read_bytes()
    make_page(build, TARGETS)
    assert "up to date" in capsys.readouterr().out
    (build / "report.html").write_text("changed", encoding="utf-8")
    make_page(build, TARGETS)
    assert "up to date" not in capsys.readouterr().out
    assert (build / "report.html").read_text(encoding="utf-8") == html
    assert (build / FOLDER / "report.html").read_bytes() == packaged


def chips(html: str) -> list[str]:
    section = html[html.index('id="coverage"') : html.index('id="quality"')]
    return re.findall(r'<span class="chip[^>]*>([^<]*)<', section)


def test_levels_are_those_proven_and_no_more(tmp_path: Path) -> None:
    build = page_build(tmp_path, ("nnapi", "qnn"))
    first, *between, last = ALL
    cover(build, {first: list(EVERY_LEVEL), **{name: ["rules"] for name in between}, last: []}, "simulated")
    found = chips(make_page(build, ("nnapi", "qnn")).read_text(encoding="utf-8"))
    half = [*EVERY_LEVEL, *["rules"] * len(between), "nothing proven"]
    assert found == ["rules"] * len(ALL) + 2 * half + ["not measured for these files"]
    cover(build, {first: ["rules"]})
    found = chips(make_page(build, ("nnapi",)).read_text(encoding="utf-8"))
    assert found == ["rules", *["not looked at"] * len(BUCKETS[1:])] * 3


def test_coverage_of_other_models_is_not_told(tmp_path: Path) -> None:
    build = page_build(tmp_path, ("nnapi",))
    cover(build, ALL)
    changed = build / "quantize" / "nnapi" / "generator_15s.onnx"
    changed.write_bytes(changed.read_bytes() + b"other")
    page = make_page(build, ("nnapi",)).read_text(encoding="utf-8")
    assert chips(page) == ["not measured for these files"]
    assert "Nobody counted the work" in page
    assert 'class="share' not in page


def test_a_missing_target_is_named_and_without_any_nothing_is_played(tmp_path: Path) -> None:
    build = page_build(tmp_path, ("cpu",))
    page = make_page(build, ("nnapi", "cpu")).read_text(encoding="utf-8")
    assert "Not made in this build: nnapi." in words(page)
    assert faults(page) == []
    assert 'class="box cpu"' in page
    assert 'class="box npu"' not in page, "the cpu target runs nothing on an NPU"
    (build / "quantize" / "cpu" / "report.json").unlink()
    page = make_page(build, ("nnapi", "cpu")).read_text(encoding="utf-8")
    assert "Nothing to hear: no target is made yet." in words(page)
    assert players(page) == images(page) == []


@pytest.mark.parametrize("step", ["export_onnx", "calibrate", "quantize/cpu"])
def test_a_restricted_step_is_refused(tmp_path: Path, step: str) -> None:
    build = page_build(tmp_path, ("cpu",))
    file = build / step / "report.json"
    write(file, {**json.loads(file.read_text()), "stages": ["bert"]})
    with pytest.raises(ContractError, match="restricted to bert"):
        make_page(build, ("cpu",))
    assert not (build / "report.html").exists()


def test_the_bench_is_shown_as_it_is_and_its_absence_is_none(build: Path, tmp_path: Path, html: str) -> None:
    assert 'id="bench"' not in html
    rows = [{"way": "PyTorch <fp32>", "real_time_factor": 0.51234}, {"way": "ours", "ratio": 4, "stages": {"bert": 1}}]
    write(build / "android_test" / "bench" / "report.json", {"rows": rows, "machine": {"cores": 2}, "more": 1})
    text = make_page(build, TARGETS, tmp_path / "page.html").read_text(encoding="utf-8")
    for said in ("PyTorch &lt;fp32&gt;", "real time factor", "0.5123", "<td>4</td>", "cores 2"):
        assert said in text, said
    assert "<th>stages</th>" not in text, "a table has flat cells"
    assert "PyTorch" not in (build / FOLDER / "report.html").read_text(encoding="utf-8")
    write(build / "android_test" / "bench" / "report.json", {"rows": "none"})
    assert 'id="bench"' not in make_page(build, TARGETS, tmp_path / "page.html").read_text(encoding="utf-8")
    (build / "android_test" / "bench" / "report.json").unlink()


def test_the_package_carries_it_without_this_computers_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "MOST_TEXTS", 32)
    monkeypatch.setattr(release, "write_aar", lambda folder: (None, "left out"))
    build = page_build(tmp_path / "build", ("cpu",))
    make_page(build, ("cpu",))
    made = release.release(build, tmp_path / "dist", ["cpu"], "0.1.0", "command")
    package = Package.open(tmp_path / "dist" / made["targets"]["cpu"]["package"])
    carried = (package.folder / "report.html").read_text(encoding="utf-8")
    assert "report.html" in package.manifest.files
    assert faults(carried) == []
    slower = json.loads((build / "quantize" / "cpu" / "report.json").read_text())
    write(build / "quantize" / "cpu" / "report.json", {**slower, "seconds": 99.25, "peak_memory_mb": 77_777})
    assert "99.2" in words(make_page(build, ("cpu",)).read_text(encoding="utf-8"))
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
