"""The tables of quality: each target's sound compared with the ordinary ways to 8 bits, per voice, and its size.

The README has the headline alone, `docs/quality.md` has all. Cells with a slash are a mean over the sentences and the
worst of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from export_onnx.marked_blocks import markdown_rows
from quantize.recipes import WEIGHT_BITS, recipe
from selector.page.goals import goal_of

PUBLISHED: Final = {"kokoro-82m-int8": "Kokoro-82M, weights from its published 8-bit ONNX file"}  # by identity name
DYNAMIC: Final = "dynamic INT8"  # the name in `quantize/sound/baselines.py`
ORDINARY: Final = {DYNAMIC: "u8 found at run time / u8"}  # the others are static: u8 / s8
GROUPS: Final = ("all", "heard", "unheard")  # of a report's quality; every other name is a voice
CHECKPOINTS: Final = (".pth", ".safetensors", ".onnx")


def headline_table(figures: Mapping[str, Any]) -> str:
    """The README's block: every target and dynamic INT8, and the weights that were measured."""
    yardstick = {DYNAMIC: figures["comparison"][DYNAMIC]}
    return f"{_table(_sound(figures, yardstick))}\n\n{measured_on(figures)}"


def quality_tables(figures: Mapping[str, Any]) -> str:
    """The block of `docs/quality.md`: sound, voices, size, and the weights and sentences that were measured."""
    parts = [_table(rows) for rows in (_sound(figures, figures["comparison"]), _voices(figures), _size(figures))]
    return "\n\n".join([*parts, measured_on(figures), goals(figures)])


def voices_of(groups: Mapping[str, Any]) -> list[str]:
    """The names of the voices among the groups of a report's quality."""
    return [name for name in groups if name not in GROUPS]


def _sound(figures: Mapping[str, Any], comparison: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    """One row per target and per ordinary way to 8 bits in `comparison`.

    Voices in calibration and held-out voices have a column if a voice was held out.
    """
    apart = any(target["quality"]["unheard"] for target in figures["targets"].values())
    yield (
        "vocoder",
        "activations / weights",
        "PESQ-WB",
        "STOI",
        "log-mel, dB",
        "SNR, dB",
        *(["worst PESQ-WB of voices in calibration, held-out voices"] if apart else []),
        "goal",
    )
    for name, target in figures["targets"].items():
        groups = target["quality"]["groups"]
        worst = [f"{groups[g]['worst']['pesq']:.2f}" if g in groups else "–" for g in GROUPS[1:]]
        kind = f"u{recipe(name).activation_bits} / s{WEIGHT_BITS}"
        goal = "reached" if target["quality"]["meets_goal"] else "missed"
        yield (f"`{name}`", kind, *_measures(groups["all"]), *([", ".join(worst)] if apart else []), goal)
        if target["fused"]:
            yield (f"`{name}`, fused operators", kind, *_measures(target["fused"]), *([""] if apart else []), "")
    for name, summary in comparison.items():
        yield (name, ORDINARY.get(name, f"u8 / s{WEIGHT_BITS}"), *_measures(summary), *([""] if apart else []), "")


def _measures(summary: Mapping[str, Any]) -> list[str]:
    kinds = {"pesq": 2, "stoi": 3, "mel_db": 2, "snr_db": 1}
    return [both(summary, field, digits) for field, digits in kinds.items()]


def both(summary: Mapping[str, Any], field: str, digits: int) -> str:
    """Mean and worst."""
    return f"{summary['mean'][field]:.{digits}f} / {summary['worst'][field]:.{digits}f}"


def _voices(figures: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    """One row per voice, with the measure that gates each target's width of activations.

    The column that tells voices in calibration from held-out ones is there if a voice was held out.
    """
    targets = figures["targets"]
    narrow = {name: recipe(name).activation_bits == 8 for name in targets}
    first = next(iter(targets.values()))["quality"]
    unheard = first["unheard"]
    measures = (f"`{name}`, {'PESQ-WB' if narrow[name] else 'SNR, dB'}" for name in targets)
    yield ("voice", *(["in calibration"] if unheard else []), *measures)
    for voice in voices_of(first["groups"]):
        heard = ["no" if voice in unheard else "yes"] if unheard else []
        summaries = {name: target["quality"]["groups"][voice] for name, target in targets.items()}
        cells = (both(s, "pesq", 2) if narrow[name] else both(s, "snr_db", 1) for name, s in summaries.items())
        yield (f"`{voice}`", *heard, *cells)


def _size(figures: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    """One row per target."""
    yield (
        "target",
        "the vocoder's multiply-adds in integers",
        "convolutions in float",
        "tokens whose frames change",
        "models of all its buckets",
        "with voices",
    )
    for name, target in figures["targets"].items():
        channels = target["channels_in_float"]
        durations, out, size = target["quality"]["durations"], target["convolutions_in_float"], target["size_goal"]
        yield (
            f"`{name}`",
            f"{100 * target['convolution_share']:.1f} %",
            f"{out[0]} of {out[1]}" + (f" and {channels} channels of others" if channels else ""),
            f"{durations['tokens_changed']} of {durations['tokens']}",
            f"{target['bytes'] / 1e6:.1f} MB",
            size_in_words(size) if size else "–",
        )


def _table(rows: Iterable[Sequence[str]]) -> str:
    head, *body = rows
    return markdown_rows([tuple(head), ("---",) * len(head), *map(tuple, body)])


def measured_on(figures: Mapping[str, Any]) -> str:
    """One paragraph that names the weights, where they come from, and the sentences."""
    weights, quality = figures["weights"], next(iter(figures["targets"].values()))["quality"]
    checkpoint = next((digest for file, digest in weights["sha256"].items() if file.endswith(CHECKPOINTS)), "none")
    published = f"{PUBLISHED[weights['name']]}; " if weights["name"] in PUBLISHED else ""
    voices, unheard, sentences = voices_of(quality["groups"]), quality["unheard"], quality["groups"]["all"]["sentences"]
    left_out = f"{len(unheard) or 'none'} of them left out of calibration"
    return (
        f"Weights `{weights['name']}` ({published}{weights['source']}, {weights['revision']}, checkpoint sha256 "
        f"{checkpoint[:12]}…). Measured on {sentences} held-out sentences in {len(voices)} "
        f"voice{'s' if len(voices) > 1 else ''}, {left_out}, at {quality['bucket']}, with the float run's durations, "
        "pitch and noise. A cell with a slash is the mean and the worst sentence. The vocoder is decoder and generator."
    )


def size_in_words(size: Mapping[str, Any]) -> str:
    """A target's size goal and what was measured."""
    reached = "reached" if size["met"] else "missed"
    return f"{size['with_voices']:.1f} MB; at most {size['goal']:g} MB: {reached}"


def goals(figures: Mapping[str, Any]) -> str:
    """One paragraph: the goals, and those that were missed."""
    asked: dict[tuple[str, ...], list[str]] = {}
    for name in figures["targets"]:
        asked.setdefault(tuple(goal_of(name)), []).append(f"`{name}`")
    aimed = "; ".join(f"{', '.join(names)}: {', '.join(goal)}" for goal, names in asked.items())
    told = {name: missed(target["quality"]) for name, target in figures["targets"].items()}
    return f"Goals: {aimed}." + "".join(f" Missed by `{name}`: {lines}." for name, lines in told.items() if lines)


def missed(quality: Mapping[str, Any]) -> str:
    """The goals that a report's quality missed, each with the measured value; empty if it reached all."""
    pairs = (line.rpartition(": ") for line in quality.get("missed", ()))
    return "; ".join(f"{expected} ({got})" for expected, _, got in pairs)
