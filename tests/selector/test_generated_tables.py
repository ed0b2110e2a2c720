"""The tables of README and docs: made from a build's figures, without gaps, kept together with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from export_onnx.buckets import BUCKETS
from export_onnx.errors import ContractError, PackageError
from export_onnx.marked_blocks import MarkedBlock
from quantize.gates import Limits
from selector.__main__ import main as selector_command
from selector.page.facts import BuildFacts, read_build_facts
from selector.page.figures import coverage_table, figures_of, keep_figures
from selector.page.flow import flow_picture
from selector.page.goals import asked, goal_of
from selector.page.headline import DYNAMIC, headline_table, quality_tables
from tests.selector.page_build import COMPARISON, HELD_OUT, KEPT, UNHEARD, cover, page_build, write

ROOT = Path(__file__).parent.parent.parent


def test_the_tables_have_no_gaps(tmp_path: Path) -> None:
    build = page_build(tmp_path, ("nnapi", "cpu"))
    with pytest.raises(ContractError, match="coverage of nnapi, got nothing measured"):
        figures_of(read_build_facts(build, ("nnapi", "cpu")))
    first, *between, last = (bucket.name for bucket in BUCKETS)
    cover(build, {first: ["rules"], **{name: ["rules"] for name in between}, last: []})
    with pytest.raises(ContractError, match="targets qnn, got nothing measured"):
        figures_of(read_build_facts(build, ("nnapi", "qnn", "cpu")))
    figures = figures_of(read_build_facts(build, ("nnapi", "cpu")))
    cells = " | ".join([*["rules (NNAPI), compiled: only on a phone"] * (1 + len(between)), "nothing proven"])
    assert f"| `nnapi` | `generator` | {cells} |" in coverage_table(figures)
    for target in ("nnapi", "cpu"):
        file = build / "quantize" / target / "report.json"
        write(file, {k: v for k, v in json.loads(file.read_text()).items() if k != "comparison"})
    with pytest.raises(ContractError, match=r"the ordinary ways to 8 bits .* Run `python -m quantize --compare`"):
        figures_of(read_build_facts(build, ("nnapi", "cpu")))


def test_fused_operators_have_a_row_if_they_belong_to_these_models(tmp_path: Path) -> None:
    build = page_build(tmp_path, ("nnapi", "cpu"))
    cover(build, {bucket.name: ["rules"] for bucket in BUCKETS})
    stock = json.loads((build / "quantize" / "cpu" / "report.json").read_text())
    heard = {**stock["quality"]["groups"]["all"], "mean": {**stock["quality"]["groups"]["all"]["mean"], "pesq": 4.61}}
    made = {"made_from": {"quantize/cpu": stock["signature"]}, "sound": {"fused": heard}}

    def row(report: dict[str, Any]) -> list[str]:
        write(build / "quantize" / "cpu-fused" / "report.json", report)
        text = quality_tables(figures_of(read_build_facts(build, ("nnapi", "cpu"))))
        return [line for line in text.splitlines() if "fused operators" in line]

    (found,) = row(made)
    assert found.startswith("| `cpu`, fused operators | u8 / s8 | 4.61 / ")
    assert row({**made, "made_from": {"quantize/cpu": "another"}}) == []
    assert row({**made, "why_not": "no compiler"}) == []
    with pytest.raises(PackageError, match=r"cpu-fused: expected figures of their sound.*make fused"):
        row({"made_from": made["made_from"]})


def test_figures_are_kept_with_their_tables_or_not_at_all(
    figures: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, page, block = tmp_path / "figures.json", tmp_path / "page.md", MarkedBlock("quality", tmp_path / "page.md")
    monkeypatch.setattr("selector.page.figures.FIGURES", kept)
    monkeypatch.setattr("selector.page.figures.FLOW", tmp_path / "flow.svg")
    monkeypatch.setattr("selector.page.figures.figures_of", lambda facts: figures)
    monkeypatch.setattr("selector.page.figures.table_blocks", lambda shown: {block: shown["weights"]["name"]})
    facts = cast(BuildFacts, None)
    page.write_text("no marks")
    with pytest.raises(ContractError, match=r"page\.md: expected <!-- quality"):
        keep_figures(facts)
    assert list(tmp_path.iterdir()) == [page]
    page.write_text(block.marked("old"))
    keep_figures(facts)
    assert page.read_text() == block.marked("fake")
    assert json.loads(kept.read_text()) == json.loads(json.dumps(figures))
    assert (tmp_path / "flow.svg").read_text() == flow_picture()
    page.write_text(block.marked("old"))
    assert selector_command(["tables"]) == 0
    assert page.read_text() == block.marked("fake"), "from the figures that were kept"


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
        f"| target | {' | '.join(SIZE)} | models of all its buckets | with voices |",
        f"| `cpu` | 95.4 % | 2 of {KEPT + 2} and 2 channels of others | 2 of 777 | {cpu['bytes'] / 1e6:.1f} MB | ",
        " MB | 109.9 MB; at most 110 MB: reached |",
    ):
        assert row in text, row
    headline = headline_table(figures)
    assert all(row in headline for row in text.splitlines() if row.startswith(("| `nnapi` | u8", "| dynamic INT8 |")))
    assert "static min-max" not in headline
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
    assert "unheard" not in text, "no voice was left out: no column that says so"
    assert "in calibration |" not in text
    assert "| 20.4 / 17.9 | reached |" in text
    assert f"| `{HELD_OUT[0]['voice']}` | 4.56 / 4.43 |" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 3, "three tables, whole rows each"
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
