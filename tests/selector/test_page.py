"""The page says what the reports say and no more, sounds, shows, repeats its bytes, and travels in the package."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
from PIL import Image

from calibrate.speech import read_samples
from export_onnx.errors import ContractError, PackageError
from export_onnx.geometry import SAMPLE_RATE
from quantize.report.blocklist_plot import LEFT_OUT, MOST, draw_blocklist, heard_most
from quantize.report.blocklist_plot import PARTED as COLOUR_PARTED
from selector.choose import measured_texts as corpus
from selector.package import make_packages
from selector.package.opened import Package
from selector.page.goals import goal_of
from selector.page.listen import sentences_to_hear
from selector.page.make import make_page
from selector.page.packaged import FOLDER, packaged_page
from selector.page.pictures import difference, spectrogram
from selector.page.render import told
from tests.selector.page_build import (
    BLOCKLIST,
    BUCKETS,
    COMPARISON,
    EVERY_LEVEL,
    HELD_OUT,
    KEPT,
    PARTED,
    QUALITY,
    UNHEARD,
    cover,
    faults,
    images,
    page_build,
    players,
    write,
)
from tests.selector.selector_fakes import WEIGHTS, tone

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
        "12.5",
        "345 MB",
        "PESQ 4.52, worst 4.39",
        "4.52 / 4.39 0.993 / 0.981 0.91 / 1.21 20.4 / 17.9 reached 2 of 777 tokens 95.4 %",
        "Goal: " + ", ".join(goal_of("nnapi")),
    ):
        assert said in text, said
    assert text.count("PESQ 4.52, worst 4.39") == len(TARGETS)
    assert text.count("With the voices 109.9 MB; at most 110 MB: reached.") == len(TARGETS)
    assert "Missed" not in text
    assert "not measured" not in text
    seconds = " ".join(f"{bucket.seconds:g}" for bucket in BUCKETS)
    assert f'WEIGHTS=fake TARGETS="nnapi cpu" BUCKETS="{seconds}"' in text.replace("&#34;", '"')
    assert all(f"“{one['text']}”" in text for one in HELD_OUT)
    assert "Holds where it rains." in text
    assert len(html) < 3_000_000


def rows(html: str, section: str) -> list[str]:
    """What a reader reads in each row of a section's tables."""
    part = html[html.index(f'id="{section}"') :]
    return [words(row).strip() for row in re.findall(r"<tr>.*?</tr>", part[: part.index("<h2")], re.DOTALL)]


def test_every_voice_has_its_figures_and_the_ordinary_ways_stand_beside(html: str) -> None:
    found = rows(html, "quality")
    alone = "8 4.48 / 4.35 0.993 / 0.981 0.95 / 1.25 18.9 / 16.4 -0.31 dB +0.04 dB"
    for said in (f"{UNHEARD}, unheard {alone}", f"unheard voices {alone}"):
        assert found.count(said) == len(TARGETS), said
    assert sum(row.startswith(f"{HELD_OUT[0]['voice']} 8 4.56 / 4.43") for row in found) == len(TARGETS)
    for name, pesq in (("dynamic INT8", "2.83 / 2.70"), ("static min-max, no equalization", "2.61 / 2.48")):
        assert sum(row.startswith(f"{name} {pesq}") for row in found) == 1
    assert sum(f"{one['voice']}, unheard in calibration" in words(html) for one in HELD_OUT) == 1


def test_a_missed_goal_is_told_in_words_and_sixteen_bits_are_not_compared(tmp_path: Path) -> None:
    build = page_build(tmp_path, ("qnn", "cpu"))
    for target, more in (
        ("qnn", {"quality": {**QUALITY, "meets_goal": False, "missed": ["SNR of 40 dB in every sentence: 38.1 dB"]}}),
        ("cpu", {"comparison": {}}),
    ):
        file = build / "quantize" / target / "report.json"
        write(file, {**json.loads(file.read_text()), **more})
    page = make_page(build, ("qnn", "cpu")).read_text(encoding="utf-8")
    assert words(page).count("Missed: SNR of 40 dB in every sentence (38.1 dB).") == 1
    found = rows(page, "quality")
    assert sum(" missed 2 of 777 tokens" in row for row in found) == 1
    assert not any(row.startswith(tuple(COMPARISON)) for row in found), "those of 16 bits are no ordinary ways"


def test_it_says_where_weights_came_from_and_that_they_were_rounded(tmp_path: Path, html: str) -> None:
    published = "Kokoro-82M, weights from its published 8-bit ONNX file"
    build = page_build(tmp_path, ("cpu",))
    file = build / "export_onnx" / "report.json"

    def told(**changed: Any) -> str:
        write(file, {**json.loads(file.read_text()), "weights": {**WEIGHTS, **changed}})
        return unescape(words(make_page(build, ("cpu",)).read_text(encoding="utf-8")))

    text = told(name="kokoro-82m-int8", source="pip")
    assert text.count(published) == 2
    assert "make export-int8 WEIGHTS=kokoro-82m-int8 TARGETS" in text
    assert "WEIGHTS=<path>/a_b.onnx TARGETS" in told(name="a-b", source="onnx", sha256={"a_b.onnx": "0" * 64})
    assert "WEIGHTS=<owner>/fake TARGETS" in told(source="hub")
    assert published not in words(html)


def test_the_block_list_shows_what_is_heard_most_and_all_that_is_in_float(html: str) -> None:
    section = html[html.index('id="blocklist"') : html.index('id="ranges"')]
    first = section[: section.rindex("<h3>")]
    bars = re.findall(r'<span>([^<]*)</span><i class="(\w*)" style="width:([\d.]+)%" title="[^"]*"></i>', first)
    names = [name for name, _, _ in bars]
    kept = [f"resblocks.{i}/convs1.0" for i in range(KEPT - 1, KEPT - MOST + 2, -1)]
    parted = f"resblocks.{PARTED}/convs1.0"
    assert names == ["conv_post", *kept, parted, "ups.1/conv"]
    out = {name: kind for name, kind, _ in bars if kind}
    assert out == {"conv_post": "float", parted: "parted", "ups.1/conv": "float"}
    widths = {name: float(width) for name, _, width in bars}
    assert widths["conv_post"] == widths[kept[0]] == 100, "what is never in integers leaves the others their length"
    assert widths[kept[-1]] == pytest.approx(100 * 0.13 / 0.29, abs=0.1)
    text = words(first)
    assert f"2 of {KEPT + 2} convolutions stay in float; {KEPT + 2 - MOST} in integers are not shown." in text
    assert 'title="the whole meets the goal; PESQ 4.60"></i><span>0.29 dB</span>' in first
    for said in ("conv_post : a veil of noise.", "ups.1/conv : most harm for its price.", f"{parted} , 2 channels: "):
        assert said in text.replace("</b>", ""), said
    assert rows(html, "blocklist")[1:3] == [
        "99.6 % 1 4.31 / 4.18 1.21 / 1.51 17.4 / 14.9 conv_post",
        "95.4 % 2 4.51 / 4.38 0.92 / 1.22 20.1 / 17.6 ups.1/conv",
    ]


def test_its_picture_shows_the_same() -> None:
    picture = draw_blocklist("nnapi: searched", BLOCKLIST["convolutions"], BLOCKLIST["curve"])
    ElementTree.fromstring(picture)
    assert picture == draw_blocklist("nnapi: searched", BLOCKLIST["convolutions"], BLOCKLIST["curve"])
    assert picture.count("<rect") == 1 + MOST
    assert picture.count(LEFT_OUT) == 2
    assert picture.count(COLOUR_PARTED) == 1
    assert ">0.01 dB, 2 channels in float<" in picture
    assert f"; {KEPT + 2 - MOST} more in integers<" in picture
    assert "95.4% of the multiply-adds in integers, 2 in float: PESQ 4.51 (worst 4.38), log-mel 0.92 dB" in picture
    silent = {"mel_db": None, "decision": "quantized", "reason": "not on the committed list"}
    assert "/new/Conv" not in heard_most({**BLOCKLIST["convolutions"], "/new/Conv": silent}, most=99)
    out = {f"/{i}/Conv": {**silent, "decision": "float"} for i in range(MOST + 1)}
    assert list(heard_most(out)) == sorted(out), "all that is in float is shown, measured or not"
    assert draw_blocklist("committed", out, ()).count(">not measured<") == len(out)


def test_it_plays_what_calibration_kept_one_of_each_voice_first(tmp_path: Path) -> None:
    build = page_build(tmp_path, ("cpu",))
    for file in (build / "export_onnx").glob("*.onnx"):
        file.unlink()  # nothing is spoken in float again
    page = make_page(build, ("cpu",)).read_text(encoding="utf-8")
    kept = read_samples(build / "calibrate", "held_out")
    assert all(np.allclose(a, b.reference, atol=1 / 2**15) for a, b in zip(players(page)[::2], kept, strict=True))
    by = [replace(kept[0], utterance=replace(kept[0].utterance, voice=v, seed=i)) for i, v in enumerate("aabbca")]
    assert [s.utterance.seed for s in sentences_to_hear(by)] == [0, 2, 4, 1]
    assert [s.utterance.seed for s in sentences_to_hear(by, 9)] == [0, 2, 4, 1, 3, 5]
    for file in (build / "calibrate" / "speech").iterdir():
        file.unlink()
    with pytest.raises(ContractError, match="sentences of the part 'held_out', got none"):
        make_page(build, ("cpu",), tmp_path / "other.html")


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
    cover(build, {first: list(EVERY_LEVEL), **{name: ["rules"] for name in between}, last: []}, "simulated", "qnn")
    page = make_page(build, ("nnapi", "qnn")).read_text(encoding="utf-8")
    rules = "rules (Qualcomm HTP)"
    half = [rules, "compiled (Qualcomm HTP)", "simulated (Qualcomm HTP)", *[rules] * len(between), "nothing proven"]
    assert chips(page) == ["not looked at"] + [rules] * len(ALL) + 2 * half
    unproven = f"decoder runs on the CPU, not proven: simulated (Qualcomm HTP) in {', '.join((*between, last))}"
    assert unproven in words(page)
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
    monkeypatch.setattr(corpus, "RUNS", 0)  # the fewest texts
    monkeypatch.setattr(make_packages, "write_aar", lambda folder: (None, "left out"))
    build = page_build(tmp_path / "build", ("cpu",))
    make_page(build, ("cpu",))
    made = make_packages.make_packages(build, tmp_path / "dist", ["cpu"], "0.1.0", "command")
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
