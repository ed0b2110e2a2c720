"""The corpus: split by sentence and by voice, read from any of the usual files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from calibrate.corpus import SPEEDS, make_split, read_corpus
from calibrate.voices import MADE_UP
from export_onnx.errors import TextError

VOICES = ("af_a", "af_b", "af_c", "am_a", "am_b")


def test_no_sentence_is_in_two_parts_and_held_out_voices_are_in_none_but_theirs() -> None:
    split = make_split(None, VOICES, 64, 8, 16)
    parts = [{u.text for u in part} for part in (split.calibration, split.search, split.held_out)]
    assert [len(part) for part in (split.calibration, split.search, split.held_out)] == [64, 8, 16]
    assert not parts[0] & parts[1]
    assert not (parts[0] | parts[1]) & parts[2]
    assert split.held_out_voices == ("af_c", "am_b")
    speakers = {u.voice for u in (*split.calibration, *split.search)}
    assert {"af_a", "af_b", "am_a"} <= speakers
    assert not any(unheard in voice for voice in speakers for unheard in split.held_out_voices)
    assert sum(u.voice in split.held_out_voices for u in split.held_out) == 8


def test_every_voice_speaks_at_every_speed() -> None:
    split = make_split(None, VOICES, 64, 8, 16)
    spoken: dict[str, set[float]] = {}
    for utterance in split.calibration:
        spoken.setdefault(utterance.voice, set()).add(utterance.speed)
    assert len(spoken) == 3 + MADE_UP
    assert all(speeds == set(SPEEDS) for speeds in spoken.values())


def test_voices_that_choose_are_made_up_otherwise_than_those_that_calibrate() -> None:
    split = make_split(None, VOICES, 64, 8, 16)
    calibrated, searched = ({u.voice for u in part if ":" in u.voice} for part in (split.calibration, split.search))
    assert searched - calibrated


def test_the_default_corpus_is_large_and_varied() -> None:
    split = make_split(None, VOICES, 10_000, 8, 16)
    texts = [u.text for u in split.calibration]
    assert len(set(texts)) >= 200
    assert any("?" in t for t in texts)
    assert any(any(c.isdigit() for c in t) for t in texts)
    assert max(map(len, texts)) > 3 * min(map(len, texts))


def test_the_split_is_recorded_and_repeats() -> None:
    one, two = (make_split(None, order, 20, 4, 6).facts() for order in (VOICES, VOICES[::-1]))
    assert one == two
    assert one["sha256"] != make_split(None, VOICES, 21, 4, 6).facts()["sha256"]
    assert len(one["calibration"]) == 20


def test_one_voice_has_no_unheard_one() -> None:
    split = make_split(None, ("only",), 4, 2, 4)
    assert split.held_out_voices == ()
    assert {u.voice for u in split.held_out} == {"only"}


SENTENCES = [f"This is sentence number {i}." for i in range(60)]


@pytest.mark.parametrize("kind", ["txt", "csv", "json", "jsonl", "parquet"])
def test_local_files_are_read(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    file = tmp_path / f"corpus.{kind}"
    if kind == "txt":
        file.write_text("# a remark\n" + "\n".join(SENTENCES) + "\n")
    elif kind == "csv":
        file.write_text("id,text\n" + "".join(f"{i},{s}\n" for i, s in enumerate(SENTENCES)))
    elif kind == "json":
        file.write_text(json.dumps([{"sentence": s} for s in SENTENCES]))
    elif kind == "jsonl":
        file.write_text("".join(json.dumps({"transcription": s}) + "\n" for s in SENTENCES))
    else:
        pandas = pytest.importorskip("pandas")
        pandas.DataFrame({"text": SENTENCES}).to_parquet(file)
    assert read_corpus(str(file)) == SENTENCES
    split = make_split(str(file), VOICES, 8, 4, 4)
    assert not {u.text for u in split.calibration} & {u.text for u in split.held_out}


def test_what_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    with pytest.raises(TextError, match="Check the path"):
        read_corpus(str(tmp_path / "missing.csv"))
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    with pytest.raises(TextError, match="column"):
        read_corpus(str(wrong))
    short = tmp_path / "short.txt"
    short.write_text("One.\n")
    with pytest.raises(TextError, match="Add sentences"):
        make_split(str(short), VOICES, 4, 2, 4)
