"""The figures as tables: on the screen, and in `docs/benchmarks.md` from the committed `measured.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from android_test.bench.contenders import CONTENDERS, REFERENCE, RIVAL
from export_onnx.marked_blocks import DOCS, MarkedBlock, markdown_rows, rewritten_files

MEASURED: Final = Path(__file__).parent / "measured.json"
BENCH: Final = MarkedBlock("bench", DOCS / "benchmarks.md", "python -m android_test bench --readme")
BUSY: Final = 0.5  # load average before a run from which on the times are said to be disturbed

SHOWN: Final = (
    ("weights", "text", "threads", "contender"),
    ("audio_seconds", "ms", "real_time_factor", "ratio", "first_audio_ms", "load_ms", "peak_memory_mb", "disk_mb"),
)


def screen_rows(rows: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and cells for a terminal."""
    columns = (*SHOWN[0], *SHOWN[1])
    cells = [
        (*(str(row[c]) for c in SHOWN[0]), *((str(row.get(c, "")) if "error" not in row else "–") for c in SHOWN[1]))
        for row in rows
    ]
    return tuple(column.replace("_", " ") for column in columns), cells


def bench_block(measured: Mapping[str, Any]) -> str:
    """The block of `docs/benchmarks.md`: times per weights and number of threads, then load, memory and disk."""
    rows = measured["rows"]
    parts = [conditions(measured)]
    for weights in _in_order(rows, "weights"):
        for threads in sorted(_in_order(rows, "threads")):
            chosen = [row for row in rows if (row["weights"], row["threads"]) == (weights, threads)]
            if chosen:
                many = "thread" if threads == 1 else "threads"
                parts += ["", f"Weights `{weights}`, {threads} {many}:", "", _times(chosen)]
        parts += ["", f"Weights `{weights}`, the longest text:", "", _costs(rows, weights)]
    return "\n".join(parts)


def conditions(measured: Mapping[str, Any]) -> str:
    """What the numbers mean and where they were measured."""
    machine, versions = measured["machine"], measured["versions"]
    load = measured["load_average"]
    others = (
        f" The machine was busy with other work (load average {load['before']:g} before, {load['after']:g} after): "
        "read the ratios, not the milliseconds."
        if load["before"] > BUSY
        else ""
    )
    raced_here = {row["contender"] for row in measured["rows"]}
    ways = "\n".join(f"- `{one.name}`: {one.what}" for one in CONTENDERS if one.name in raced_here)
    told = [row for row in measured["rows"] if "error" not in row]
    least = min((repetitions(row, measured) for row in told), default=measured["repetitions"])
    raced = [row for row in told if "ratio" in row and row["contender"] != REFERENCE]
    raced = [row for row in raced if repetitions(row, measured) > 1]  # quartiles of one value lie nowhere apart
    apart = sorted((row["ratio_high"] - row["ratio_low"]) / row["ratio"] for row in raced)
    spread = f", quartiles {median(apart):.0%} apart, in the widest row {apart[-1]:.0%}" if apart else ""
    return (
        f"Milliseconds for the whole text, median of {least} or more repetitions taken in turn, and "
        f"in brackets how many times faster than PyTorch (median of the pairs{spread}), and, where kokoro-onnx raced, "
        f"than kokoro-onnx. {machine['processor']} "
        f"({machine['has']}), {machine['cores']} cores; onnxruntime {versions['onnxruntime']}, torch "
        f"{versions['torch']}.{others}\n\n{ways}"
    )


def repetitions(row: Mapping[str, Any], measured: Mapping[str, Any]) -> int:
    """How often a row was measured; the least of its bench, where it was kept before rows said so themselves."""
    return int(row.get("repetitions", measured["repetitions"]))


def _times(rows: Sequence[Mapping[str, Any]]) -> str:
    names = _in_order(rows, "contender")
    lines = [("text", "tokens", "audio", *(f"`{name}`" for name in names)), ("---",) * (3 + len(names))]
    for text in _in_order(sorted(rows, key=lambda row: row["tokens"]), "text"):
        of_text = {row["contender"]: row for row in rows if row["text"] == text}
        any_row = next(iter(of_text.values()))
        audio = next((f"{row['audio_seconds']:.1f} s" for row in of_text.values() if "error" not in row), "–")
        lines.append((text, str(any_row["tokens"]), audio, *(_time(of_text.get(name)) for name in names)))
    return markdown_rows(lines)


def _time(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "–"
    if "error" in row:
        return "failed"
    against = [(REFERENCE, "ratio"), (RIVAL, "rival_ratio")]
    ratios = [f"{row[key]:.2f}x" for name, key in against if key in row and row["contender"] != name]
    return f"{row['ms']:,.0f}" + (f" ({', '.join(ratios)})" if ratios else "")


def _costs(rows: Sequence[Mapping[str, Any]], weights: str) -> str:
    """Of the text with the most tokens, at the most threads."""
    mine = [row for row in rows if row["weights"] == weights]
    threads, tokens = max(row["threads"] for row in mine), max(row["tokens"] for row in mine)
    lines = [("contender", "loads in", "first audio after", "peak memory", "on disk"), ("---",) * 5]
    for row in mine:
        if (row["threads"], row["tokens"]) == (threads, tokens) and "error" not in row:
            cells = (f"{row['load_ms']:,.0f} ms", f"{row['first_audio_ms']:,.0f} ms")
            lines.append(
                (f"`{row['contender']}`", *cells, f"{row['peak_memory_mb']:,.0f} MB", f"{row['disk_mb']:,.1f} MB")
            )
    return markdown_rows(lines)


def _in_order(rows: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    return list(dict.fromkeys(row[key] for row in rows))


def read_measured() -> dict[str, Any]:
    """The figures that `docs/benchmarks.md` was made from."""
    measured: dict[str, Any] = json.loads(MEASURED.read_text(encoding="utf-8"))
    return measured


def joined(kept: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """A long bench may be taken in parts: `new`, and what `kept` has of other races of the same models.

    Nothing is kept of another machine, other versions or other options of our sessions. A race is one text of one
    checkpoint at one number of threads; its rows are ratios of one run and stay together.
    """
    if any(kept[what] != new[what] for what in ("machine", "versions", "session")):
        return dict(new)
    same = {name for name, digest in kept["models"].items() if new["models"].get(name, digest) == digest}

    def race(row: Mapping[str, Any]) -> tuple[Any, ...]:
        return row["weights"], row["threads"], row["text"]

    again = {race(row) for row in new["rows"]}
    load, before = new["load_average"], kept["load_average"]
    return {
        **new,
        "rows": [*(r for r in kept["rows"] if r["weights"] in same and race(r) not in again), *new["rows"]],
        "models": {**kept["models"], **new["models"]},
        "repetitions": min(kept["repetitions"], new["repetitions"]),
        "load_average": {when: max(load[when], before[when]) for when in load},
        "steps": {**kept["steps"], **new["steps"]},
        "seconds": kept["seconds"] + new["seconds"],
    }


def keep_measured(new: Mapping[str, Any]) -> dict[str, Any]:
    """Writes `measured.json` and the block, both or neither: what is there and what is new, see `joined`."""
    measured = joined(read_measured(), new) if MEASURED.exists() else dict(new)
    text = rewritten_files({BENCH: bench_block(measured)})[BENCH.file]
    facts = {**measured, "rows": "ROWS"}
    rows = ",\n  ".join(json.dumps(row) for row in measured["rows"])
    MEASURED.write_text(json.dumps(facts, indent=1).replace('"ROWS"', f"[\n  {rows}\n ]") + "\n", encoding="utf-8")
    BENCH.file.write_text(text, encoding="utf-8")
    return measured
