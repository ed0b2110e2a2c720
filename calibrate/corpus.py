"""Sentences x voices x speeds, split by sentence and by voice into three parts.

    calibration   recorded and made-up voices; ranges and second moments come from these sentences
    search        other sentences of the same corpus, in the same recorded and other made-up voices; choices such as a
                  block-list are made on these
    held out      sentences of another corpus, half of them in held-out voices, which are in no other part; these judge
                  the result

If a corpus has no sentence left to search on, the search part repeats calibration's; otherwise no sentence is in two
parts. `voices.py` chooses the held-out voices and makes the others up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from calibrate.voices import FURTHER, make_up, split_voices
from export_onnx.demo_voice.sentences import read_sentences, sentence_lines
from export_onnx.errors import TextError

DEFAULT: Final = "the repository's sentences"
SPEEDS: Final = (1.0, 0.85, 1.2)
PARTS: Final = ("calibration", "search", "held_out")
SEARCH_VOICES: Final = 5  # made-up ones, from another seed than calibration's
TEXT_COLUMNS: Final = ("text", "sentence", "transcription", "normalized_text")
READERS: Final = {".txt": "text", ".csv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet"}
HELD_OUT_SHARE: Final = 10  # one sentence in ten of a corpus without a split of its own


@dataclass(frozen=True)
class Utterance:
    """One sentence in one voice at one speed."""

    text: str
    voice: str
    speed: float
    seed: int  # of the source's noise


@dataclass(frozen=True)
class Split:
    """The three parts of the corpus, and the voices that only `held_out` has."""

    name: str
    calibration: tuple[Utterance, ...]
    search: tuple[Utterance, ...]
    held_out: tuple[Utterance, ...]
    held_out_voices: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Every sentence with its voice and speed, and a digest, as the report holds them."""
        listed = {
            "corpus": self.name,
            "held_out_voices": list(self.held_out_voices),
            **{part: [asdict(u) for u in getattr(self, part)] for part in PARTS},
        }
        return {**listed, "sha256": hashlib.sha256(repr(listed).encode()).hexdigest()}


def make_split(corpus: str | None, voices: Sequence[str], calibration: int, search: int, held_out: int) -> Split:
    """Chooses sentences evenly through the corpus, and gives them voices and speeds in turn.

    Args:
        corpus: None for the repository's sentences; else a text, csv, json or parquet file, or a data set's hub name.
        voices: names; sorted here.
        calibration, search, held_out: how many sentences at most.

    Raises:
        TextError: the corpus cannot be read, or has too few sentences.
    """
    train, test = _default_sentences() if corpus is None else _split_sentences(read_corpus(corpus))
    known = _evenly(train, calibration)
    others = [sentence for sentence in train if sentence not in set(known)] or known
    heard, unheard = split_voices(voices)
    judged_by = [*zip(heard * len(unheard), unheard * len(heard), strict=True)] if unheard else [heard]

    def speak(sentences: list[str], speakers: Sequence[str], seed: int) -> tuple[Utterance, ...]:
        return tuple(
            Utterance(text, speakers[i % len(speakers)], SPEEDS[(i // len(speakers)) % len(SPEEDS)], seed + i)
            for i, text in enumerate(sentences)
        )

    return Split(
        corpus or DEFAULT,
        speak(known, (*heard, *make_up(heard)), 1_000),
        speak(_evenly(others, search), (*heard, *make_up(heard, SEARCH_VOICES, 1, FURTHER)), 5_000),
        speak(_evenly(test, held_out), [name for names in judged_by for name in names], 9_000),
        unheard,
    )


def _evenly(sentences: list[str], wanted: int) -> list[str]:
    count = min(wanted, len(sentences))
    return [sentences[i * len(sentences) // count] for i in range(count)]


def _default_sentences() -> tuple[list[str], list[str]]:
    train, test = read_sentences("train"), read_sentences("held_out")
    return train, [sentence for sentence in test if sentence not in set(train)]


def _split_sentences(sentences: list[str]) -> tuple[list[str], list[str]]:
    """Splits sentences by their own digest, so that a sentence added to a corpus moves no other one."""
    unique = list(dict.fromkeys(sentences))
    held = [s for s in unique if hashlib.sha256(s.encode()).digest()[0] % HELD_OUT_SHARE == 0]
    kept = [s for s in unique if s not in set(held)]
    if not held or not kept:
        raise TextError(
            "corpus",
            expected="enough sentences for a calibration and a held-out part",
            got=str(len(unique)),
            todo="Add sentences; a hundred are a good start.",
        )
    return kept, held


def read_corpus(corpus: str) -> list[str]:
    """The sentences of a local file or of a data set on the hub.

    Raises:
        TextError: it cannot be read, or has no column of text.
    """
    path = Path(corpus)
    if path.suffix == ".txt" and path.is_file():
        return sentence_lines(path.read_text(encoding="utf-8"))
    from datasets import load_dataset  # slow to import

    try:
        if path.suffix in READERS:
            table = load_dataset(READERS[path.suffix], data_files=str(path), split="train")
        else:
            table = load_dataset(corpus, split="train")
    except Exception as error:  # the library raises many kinds, also for a missing file or network
        raise TextError(
            f"corpus {corpus}",
            expected="a .txt, .csv, .json or .parquet file, or the name of a data set",
            got=f"{type(error).__name__}: {error}"[:160],
            todo="Check the path; without a network only local files can be read.",
        ) from error
    column = next((name for name in TEXT_COLUMNS if name in table.column_names), None)
    if column is None:
        raise TextError(
            f"corpus {corpus}",
            expected=f"a column named {' or '.join(TEXT_COLUMNS)}",
            got=", ".join(table.column_names),
            todo="Rename the column that holds the sentences.",
        )
    return [str(row).strip() for row in table[column] if str(row).strip()]
