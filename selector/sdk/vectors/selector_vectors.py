"""Test vectors that Python, C++ and Java share: a manifest and questions with their answers (here the selector's; those
for the splitting of text are `split_vectors.py`, those for the joining of sound `join_vectors.py`).

`python -m selector vectors --out tests/selector/vectors` writes them; a test checks that they are what this code says
today. One question per line, tab-separated, the answer last. `-` stands for none, `!` for a refusal.
"""

from __future__ import annotations

import json
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from export_onnx.buckets import BUCKETS
from export_onnx.errors import PipelineError
from export_onnx.run import text
from selector.choose.choose_bucket import MixedTable, choose_bucket, choose_sound, expected_frames, most_tokens
from selector.choose.length import PAUSE_MARKS, length, mark_ids
from selector.choose.voice_mix import mix_parts, mixed_table
from selector.choose.voice_table import SPEEDS, Measured, fit_voice
from selector.package.manifest import VoiceTable
from selector.package.whole_files import whole_file
from selector.sdk.vectors.join_vectors import join_questions
from selector.sdk.vectors.split_vectors import split_questions

MANIFEST: Final = "manifest.json"
QUESTIONS: Final = "selector.tsv"
SPLITS: Final = "split.tsv"
JOINS: Final = "join.tsv"
VOICES: Final = {"af_quick": 1.6, "bm_slow": 3.4, 'héroïne \\ "1"': 2.3}  # frames per token; the names test the parsers
PAUSE_TOKENS: Final = 4
MIXES: Final = (
    "af_quick,bm_slow",
    "bm_slow+af_quick",
    "af_quick:0.7+bm_slow:0.3",
    " af_quick:2, bm_slow ",
    'héroïne \\ "1":0.000000001+af_quick:999999999',
    "af_quick,af_quick",
    "af_quick,bm_slow,af_quick:0.1",
    "",
    ",",
    "af_quick,",
    "af_quick,nobody",
    "af_quick:",
    "af_quick:0",
    "af_quick:0.0+bm_slow:1",
    "af_quick:-1+bm_slow:2",
    "af_quick:nan+bm_slow",
    "af_quick:1e3+bm_slow",
    "af_quick:.5+bm_slow",
    "af_quick:5.+bm_slow",
    "af_quick:0,5+bm_slow:0,5",
    "af_quick:1.2.3+bm_slow",
    "af_quick:1234567890+bm_slow",
    "af_quick:0.1234567890+bm_slow",
    "af_quick: 1+bm_slow",
    "af_quick:\u0661+bm_slow",
    "nobody",
)
SEED: Final = 6
NUMBER: Final = 1500


def write_vectors(folder: Path) -> None:
    """`manifest.json`, as much of one as the languages read, `selector.tsv`, `split.tsv` and `join.tsv`."""
    architecture = files("export_onnx.checkpoint").joinpath("architectures", "kokoro-82m.json")
    manifest = example(json.loads(architecture.read_text(encoding="utf-8"))["vocab"])
    written = {
        MANIFEST: json.dumps(manifest, indent=1),
        QUESTIONS: "\n".join(questions(manifest)) + "\n",
        SPLITS: "\n".join(split_questions()) + "\n",
        JOINS: "\n".join(join_questions()) + "\n",
    }
    for name, content in written.items():
        with whole_file(folder / name) as work:
            work.write_text(content, encoding="utf-8")


def example(vocabulary: dict[str, int]) -> dict[str, Any]:
    """Tables fitted on seeded durations."""
    draws = np.random.default_rng(SEED)
    tables: dict[str, Any] = {}
    for voice, mean in VOICES.items():
        texts = [
            Measured(int(n), 0, np.maximum(draws.normal(mean * 1000, 900, int(n)), 300).astype(np.int64))
            for n in draws.integers(3, 384, 60)
        ]
        table = fit_voice(texts[:48], texts[48:], 384, PAUSE_TOKENS).table
        tables[voice] = {"tokens": table.tokens, "speeds_milli": table.speeds_milli, "frames": table.frames}
    buckets = [
        {"name": b.name, "tokens": b.tokens, "frames": b.frames, "models": {"tail": f"models/tail_{b.name}.onnx"}}
        for b in reversed(BUCKETS)
    ]
    # The C++ and Java readers must pass over keys that they do not use, whatever their values are.
    unread: dict[str, Any] = {"nothing": None, "no": False, "yes": True, "small": -1.5e-3, "list": [], "map": {}}
    return {
        "schema_version": 1,
        "buckets": buckets,
        "selector": {"pause_marks": PAUSE_MARKS, "pause_tokens": PAUSE_TOKENS, "voices": tables},
        "vocabulary": vocabulary,
        "unread": unread,
    }


def questions(manifest: dict[str, Any]) -> list[str]:
    """Questions with their answers, seeded: ordinary ones, every bound, and refusals."""
    draws = np.random.default_rng(SEED + 1)
    tables = {name: VoiceTable.model_validate_json(json.dumps(t)) for name, t in manifest["selector"]["voices"].items()}
    names, lines = list(tables), []

    def ask(kind: str, tokens: int, voice: str, speed: float) -> None:
        lines.append(
            "\t".join((kind, str(tokens), voice, repr(speed), selector_answer(kind, tokens, tables[voice], speed)))
        )

    for _ in range(NUMBER):
        speed = float(draws.choice([*SPEEDS, draws.uniform(0.45, 2.05), round(draws.uniform(0.5, 2), 2)]))
        ask(
            str(draws.choice(["choose", "frames"])),
            int(draws.integers(1, 400)),
            names[draws.integers(len(names))],
            speed,
        )
    for voice in names:
        for speed in (*SPEEDS, 0.4999, 2.0001, 0.0, -1.0, float("nan"), float("inf")):
            ask("most", 1, voice, speed)
            for tokens in (0, 1, 2, 3, 127, 128, 129, 255, 256, 257, 383, 384, 385):
                ask("choose", tokens, voice, speed)
    known = list(tables)
    for mix in (*known, *MIXES):
        try:
            parts = " ".join(f"{known.index(part.name)}:{part.weight.hex()}" for part in mix_parts(mix, known))
        except PipelineError:
            parts = "!"
        lines.append(f"mix\t{mix}\t{parts}")
        if parts != "!":
            mixed = mixed_table(mix, tables)
            for kind, tokens, speed in product(
                ("choose", "frames", "most"), (1, 90, 200, 384, 385), (0.5, 0.87, 2.0, 2.1)
            ):
                answer = selector_answer(kind, tokens, mixed, speed)
                lines.append("\t".join((kind, str(tokens), mix, repr(speed), answer)))
    for _ in range(NUMBER // 10):
        frames, tokens = int(draws.integers(1, 620)), int(draws.integers(1, 400))
        lines.append(f"sound\t{frames}\t{tokens}\t{_name(choose_sound(BUCKETS, frames, tokens))}")
    for frames in (200, 201, 400, 401, 600, 601):
        lines.append(f"sound\t{frames}\t3\t{_name(choose_sound(BUCKETS, frames, 3))}")
    vocabulary: dict[str, int] = manifest["vocabulary"]
    strange = [c for c in "äß漢字😀\u0301#" if c not in vocabulary]
    symbols = [*vocabulary, *strange]
    marked = ("wʌn, tˈu… θɹˈi!!", "“sˈO!” ʃi sˈɛd.", "...", "—!a?", "a—b;c:d")
    for symbol in (*vocabulary, *marked, *("".join(draws.choice(symbols, draws.integers(2, 200))) for _ in range(60))):
        try:
            ids = text.encode(symbol, vocabulary).ids
        except PipelineError:
            continue
        lines.append(f"encode\t{symbol}\t{' '.join(map(str, ids))}")
        lines.append(f"length\t{symbol}\t{length(ids, mark_ids(vocabulary), PAUSE_TOKENS)}")
    return lines


def selector_answer(kind: str, tokens: int, table: VoiceTable | MixedTable, speed: float) -> str:
    """This implementation's answer."""
    try:
        if kind == "choose":
            return _name(choose_bucket(BUCKETS, table, tokens, speed))
        if kind == "most":
            return str(most_tokens(BUCKETS, table, speed))
        frames = expected_frames(table, tokens, speed)
        return "-" if frames is None else str(frames)
    except PipelineError:
        return "!"


def _name(bucket: Any) -> str:
    return bucket.name if bucket else "-"
