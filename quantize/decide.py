"""Which groups stay in float for one target: the committed default, or a search; written as `blocklist.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import onnx

from calibrate.capture import Sample
from calibrate.store import Channels
from export_onnx import console
from export_onnx.errors import ParityError
from quantize.blocklists import DEFAULTS, NEVER
from quantize.gates import FLOORS
from quantize.groups import conv_groups, quantized_nodes
from quantize.moments import Moments
from quantize.multiply_adds import conv_multiply_adds, weight_share
from quantize.plot import draw
from quantize.prepare import apply, prepare
from quantize.recipes import Recipe
from quantize.sensitivity import Found, Group, search
from quantize.verify import Judge, average, rounded

BLOCKLIST: Final = "blocklist.json"
PLOT: Final = "blocklist.svg"
SEARCH_SENTENCES: Final = 4


def default_blocklist(chosen: Recipe, groups: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """The committed list, as `blocklist.json` holds it."""
    listed = {exclusion.group: exclusion for exclusion in DEFAULTS[chosen.name]}
    rows: dict[str, Any] = {}
    for name in groups:
        exclusion = listed.get(name)
        rows[name] = {
            "snr_db": exclusion.alone_snr_db if exclusion else None,
            "decision": "float" if exclusion else "quantized",
            "reason": exclusion.reason if exclusion else "not on the committed list",
        }
    return {"target": chosen.name, "source": "committed default, measured on the demo voice", "groups": rows}


def searched_blocklist(
    chosen: Recipe, model: onnx.ModelProto, seen: Mapping[str, Channels], judge: Judge, moments: Moments
) -> dict[str, Any]:
    """Listens to each group alone, then to wholes; see `sensitivity.py`.

    Args:
        judge: of sentences that the result is not judged on.
    """
    groups = conv_groups(model)
    counted = conv_multiply_adds(model)
    whole = sum(counted.values())
    floor = FLOORS[chosen.activation_bits]
    candidates = tuple(
        Group(name, share + weight_share(model, convs), share)
        for name, convs in groups.items()
        for share in [sum(counted[conv] for conv in convs) / whole]
    )
    with console.progress(f"listen to {chosen.name}", len(groups) + 3) as advance:

        def listen(names: tuple[str, ...]) -> Any:
            advance(names[0] if len(names) == 1 else f"{len(names)} groups")
            nodes = quantized_nodes(groups, set(groups) - set(names))
            graph = apply(model, prepare(model, seen, nodes, chosen.activation_bits, moments=moments))
            return average(judge.score_graph(graph))

        found = search(candidates, NEVER, listen, floor)
    return _as_blocklist(chosen, found)


def _as_blocklist(chosen: Recipe, found: Found) -> dict[str, Any]:
    rows = {}
    for name, quality in found.alone.items():
        out = name in found.excluded
        reason = "most noise for its price" if out else "the whole meets the goal"
        reason = "never in integers" if name in NEVER else reason
        rows[name] = {**rounded(quality), "decision": "float" if out else "quantized", "reason": reason}
    curve = [{"excluded": p.excluded, "share": round(p.share, 4), **rounded(p.quality)} for p in found.curve]
    return {"target": chosen.name, "source": "searched", "groups": rows, "curve": curve}


def split_for_search(samples: Sequence[Sample]) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """Held-out sentences to choose by, and others to judge by.

    Raises:
        ParityError: too few for two parts.
    """
    if len(samples) < 2:
        raise ParityError(
            "held-out sentences",
            expected="two that fit the bucket: one to choose by, one to judge by",
            got=str(len(samples)),
            todo="Take more or shorter sentences.",
        )
    last = max(sample.utterance.voice for sample in samples)  # as `corpus.make_split` holds one out
    ordered = sorted(range(len(samples)), key=lambda i: samples[i].utterance.voice == last)
    count = min(SEARCH_SENTENCES, len(samples) // 2)
    # From both ends of the order: the first ones speak with trained voices, the last one with the held-out voice.
    chosen = {*ordered[: count - count // 4], *(ordered[-(count // 4) :] if count // 4 else ())}
    parts = [[s for i, s in enumerate(samples) if (i in chosen) is wanted] for wanted in (True, False)]
    return parts[0], parts[1]


def excluded_groups(blocklist: Mapping[str, Any]) -> tuple[str, ...]:
    """The groups that stay in float."""
    return tuple(name for name, row in blocklist["groups"].items() if row["decision"] == "float")


def write_blocklist(folder: Path, blocklist: Mapping[str, Any]) -> None:
    """`blocklist.json` and its picture."""
    (folder / BLOCKLIST).write_text(json.dumps(blocklist, indent=1) + "\n", encoding="utf-8")
    title = f"{blocklist['target']}: {blocklist['source']}"
    (folder / PLOT).write_text(draw(title, blocklist["groups"], blocklist.get("curve", ())), encoding="utf-8")
