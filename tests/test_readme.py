"""What the README and CONTRIBUTING claim is what the code says."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from android_test.device.adb import choose_phone
from export_onnx import errors
from export_onnx.contract_table import BEGIN, END, stages_table
from export_onnx.contracts import BUCKETS, STAGES, Bucket
from export_onnx.errors import ContractError
from export_onnx.run.padding import text_inputs
from quantize.gates import Limits
from selector.page.facts import read_build_facts
from selector.page.figures import blocks, coverage_table, figures_of, read_figures, rewritten
from selector.page.flow import FLOW, flow_picture
from selector.page.goals import asked, goal_of
from selector.page.headline import DYNAMIC, quality_tables
from tests.selector.page_build import COMPARISON, HELD_OUT, KEPT, UNHEARD, cover, page_build, write
from tests.test_layout import STEPS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_table_of_stages_is_the_contract() -> None:
    table = README[README.index(BEGIN) : README.index(END) + len(END)]
    assert table == stages_table(), "run `python -m export_onnx --table` and paste"
    assert table.replace("512", "511") != stages_table()


def test_every_make_target_it_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9_-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"make ([a-z][a-z0-9_-]+)", README))
    assert named
    assert named <= targets


def test_every_file_it_links_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert all((ROOT / link).exists() for link in links), [link for link in links if not (ROOT / link).exists()]


def test_its_tables_are_what_the_committed_figures_give() -> None:
    figures = read_figures()
    assert rewritten(README, figures) == README, "run `make readme`"
    for block in blocks(figures).values():
        assert block in README
    other = json.loads(json.dumps(figures))
    other["targets"]["cpu"]["quality"]["groups"]["all"]["worst"]["snr_db"] += 1
    assert rewritten(README, other) != README
    with pytest.raises(ContractError, match=r"expected <!-- quality: .* not both, once"):
        rewritten(README.replace("<!-- end of quality -->", ""), figures)


def test_its_picture_is_the_contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"]({FLOW.relative_to(ROOT)})" in README
    committed = FLOW.read_text(encoding="utf-8")
    assert committed == flow_picture(), "run `make readme`"
    ElementTree.fromstring(committed)  # an image must be well-formed, where a page forgives
    moved = (replace(STAGES[0], runs_on="cpu"), *STAGES[1:])
    monkeypatch.setattr("selector.page.flow.STAGES", moved)
    assert committed != flow_picture()


def test_a_readme_has_no_gaps(tmp_path: Path) -> None:
    build = page_build(tmp_path, ("nnapi", "cpu"))
    with pytest.raises(ContractError, match="coverage of nnapi, got nothing measured"):
        figures_of(read_build_facts(build, ("nnapi", "cpu")))
    first, *between, last = (bucket.name for bucket in BUCKETS)
    cover(build, {first: ["rules"], **{name: ["rules", "compiled"] for name in between}, last: []})
    with pytest.raises(ContractError, match="targets qnn, got nothing measured"):
        figures_of(read_build_facts(build, ("nnapi", "qnn", "cpu")))
    figures = figures_of(read_build_facts(build, ("nnapi", "cpu")))
    cells = " | ".join(["rules", *["rules, compiled"] * len(between), "nothing"])
    assert f"| `nnapi` | `generator` | {cells} |" in coverage_table(figures)
    for target in ("nnapi", "cpu"):
        file = build / "quantize" / target / "report.json"
        write(file, {k: v for k, v in json.loads(file.read_text()).items() if k != "comparison"})
    with pytest.raises(ContractError, match=r"the ordinary ways to 8 bits .* Run `python -m quantize --compare`"):
        figures_of(read_build_facts(build, ("nnapi", "cpu")))


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    build = page_build(tmp_path_factory.mktemp("readme"), ("nnapi", "cpu"))
    cover(build, {bucket.name: ["rules"] for bucket in BUCKETS})
    return figures_of(read_build_facts(build, ("nnapi", "cpu")))


def test_ours_and_the_ordinary_ways_stand_in_one_table(figures: dict[str, Any]) -> None:
    text, cpu = quality_tables(figures), figures["targets"]["cpu"]
    for row in (
        "| `nnapi` | u8 / s8 | 4.52 / 4.39 | 0.993 / 0.981 | 0.91 / 1.21 | 20.4 / 17.9 | 4.43, 4.35 | reached |",
        "| dynamic INT8 | u8 found at run time / u8 | 2.83 / 2.70 | 0.993 / 0.981 | 4.60 / 4.90 | 12.6 / 10.1 |  |  |",
        "| static min-max, no equalization | u8 / s8 | 2.61 / 2.48 |",
        f"| `{HELD_OUT[0]['voice']}` | yes | 4.56 / 4.43 | 4.56 / 4.43 |",
        f"| `{UNHEARD}` | no | 4.48 / 4.35 | 4.48 / 4.35 |",
        f"| target | {' | '.join(SIZE)} | models of {len(BUCKETS)} buckets | with voices |",
        f"| `cpu` | 95.4 % | 2 of {KEPT + 2} and 2 channels of others | 2 of 777 | {cpu['bytes'] / 1e6:.1f} MB | ",
        " MB | 109.9 MB; at most 110 MB: reached |",
    ):
        assert row in text, row
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 3, "three tables, whole rows each"
    source = (ROOT / "quantize" / "sound" / "baselines.py").read_text(encoding="utf-8")
    assert all(f'"{name}":' in source for name in (DYNAMIC, *COMPARISON))


SIZE = (
    "the vocoder's multiply-adds in integers",
    "convolutions in float",
    "tokens whose frames change",
)


def test_sixteen_bits_show_their_snr_by_voice_and_one_voice_alone_has_no_unheard_one(figures: dict[str, Any]) -> None:
    nnapi = figures["targets"]["nnapi"]
    text = quality_tables({**figures, "targets": {"nnapi": nnapi, "qnn": nnapi}})
    assert "| voice | in calibration | `nnapi`, PESQ-WB | `qnn`, SNR, dB |" in text
    assert f"| `{UNHEARD}` | no | 4.48 / 4.35 | 18.9 / 16.4 |" in text
    assert "| `qnn` | u16 / s8 |" in text
    quality = nnapi["quality"]
    groups = {name: group for name, group in quality["groups"].items() if name not in ("unheard", UNHEARD)}
    alone = {**nnapi, "quality": {**quality, "groups": groups, "unheard": []}}
    text = quality_tables({**figures, "targets": {"nnapi": alone}})
    assert "| 4.43, – | reached |" in text
    assert "held-out sentences in 1 voice, none of them left out of calibration" in text


def test_the_weights_and_what_was_missed_are_named(figures: dict[str, Any]) -> None:
    text = quality_tables(figures)
    assert "Weights `fake` (random, none, checkpoint sha256 000000000000…). Measured on 16 held-out" in text
    assert "16 held-out sentences in 2 voices, 1 of them left out of calibration, at 5s" in text
    assert f"Goals: `nnapi`, `cpu`: {', '.join(goal_of('nnapi'))}." in text
    assert "Missed" not in text
    weights = {**figures["weights"], "name": "kokoro-82m-int8", "sha256": {"config.json": "1" * 64, "a.onnx": "2" * 64}}
    missed = json.loads(json.dumps(figures["targets"]))
    missed["cpu"]["size_goal"]["met"] = False
    missed["nnapi"] |= {"size_goal": None, "channels_in_float": 0}
    missed["cpu"]["quality"] |= {"meets_goal": False, "missed": ["a mean PESQ of 4.5: 4.41", "at most 1: 2"]}
    text = quality_tables({**figures, "weights": weights, "targets": missed})
    assert (
        "(Kokoro-82M, weights from its published 8-bit ONNX file; random, none, checkpoint sha256 222222222222…)"
        in text
    )
    assert "Missed by `cpu`: a mean PESQ of 4.5 (4.41); at most 1 (2)." in text
    assert "4.43, 4.35 | missed |" in text
    assert "| 109.9 MB; at most 110 MB: missed |" in text
    assert f"| `nnapi` | 95.4 % | 2 of {KEPT + 2} | 2 of 777 |" in text
    assert " MB | – |" in text


def test_a_goal_in_words_is_what_is_checked() -> None:
    assert asked(Limits()) == []
    assert asked(Limits(pesq_worst=4.0, stoi_worst=0.9)) == [
        "PESQ of 4 in every sentence",
        "STOI of 0.9 in every sentence",
    ]
    assert [len(goal_of(target)) for target in ("nnapi", "qnn", "cpu")] == [3, 3, 3]


def folders_of(text: str) -> list[str]:
    """The folders in CONTRIBUTING's map."""
    return [name.rstrip("/") for name in re.findall(r"^    ([\w./-]+/) +\S", text, re.MULTILINE)]


def test_the_map_names_every_folder_and_no_other() -> None:
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = [Path(line).parts for line in listed.stdout.splitlines()]
    there = {"/".join(parts[:depth]) for parts in files for depth in (1, 2) if len(parts) > depth}
    assert set(folders_of(CONTRIBUTING)) == there
    assert len(folders_of(CONTRIBUTING)) == len(there)
    assert set(folders_of(CONTRIBUTING.replace("    selector/page/", "    selector/pages/"))) != there


def test_every_file_that_the_map_names_exists() -> None:
    named = re.findall(r"`([\w./]+\.(?:py|md|json|j2))`", CONTRIBUTING)
    assert len(named) > 10
    built = {"report.json", "__main__.py", "__init__.py"}
    assert [name for name in named if name not in built and not (ROOT / name).exists()] == []
    targets = set(re.findall(r"^([a-z0-9_-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z][a-z0-9_-]+)\b(?=[`\s])", "\n".join(commands(CONTRIBUTING)))) <= targets


def commands(text: str) -> list[str]:
    """What is typed: spans of code, and lines set off as code."""
    return re.findall(r"`([^`\n]+)`", text) + re.findall(r"^    (make .*)$", text, re.MULTILINE)


def test_the_messages_it_explains_are_the_codes() -> None:
    rows = re.findall(r"^\| `(\w+Error): (.*?)`(?:; `.*?`)? \|", README, re.MULTILINE)
    assert len(rows) >= 11
    known = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert {name for name, _ in rows} <= known
    with pytest.raises(ContractError, match="bucket 5s: expected at most 128 tokens"):
        text_inputs((0,) * 129, np.zeros((1, 256), np.float32), 1.0, Bucket(5, 128))
    with pytest.raises(errors.DeviceError) as none:
        choose_phone({})
    with pytest.raises(errors.DeviceError) as several:
        choose_phone({"a": "device", "b": "device"})
    for said in (none, several):
        assert " ".join(str(said.value).partition(",")[0].split()[1:]) in README
    source = "".join(file.read_text(encoding="utf-8") for step in STEPS for file in (ROOT / step).rglob("*.py"))
    quoted = ("the program adb", "no voice of that name", "room to write", "none of them", "a device", "one device")
    assert all(f'"{words}"' in source and words in README for words in quoted)
