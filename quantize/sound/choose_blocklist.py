"""Which convolutions stay in float for one target: the committed list, or a search; written as `blocklist.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx

from calibrate.store import Channels
from export_onnx import console
from export_onnx.graph.multiply_adds import multiply_adds, share_of_work
from quantize.blocklists import NEVER, committed
from quantize.gates import STANDARDS
from quantize.listen.judge import Judge
from quantize.listen.quality import Quality, Summary, rounded, summarize
from quantize.recipes import Recipe
from quantize.report.blocklist_plot import draw_blocklist
from quantize.sound.search import Candidate, SearchResult, harm, search
from quantize.sound.sensitivity import alone_in_integers
from quantize.sound.vocoder_plan import VocoderPlan, apply, make_plan
from quantize.weights.second_moments import Moments

BLOCKLIST: Final = "blocklist.json"
PLOT: Final = "blocklist.svg"
ALONE_SENTENCES: Final = 3  # each convolution alone is heard on so many
CURED: Final = 8  # of the most harmful convolutions, single channels are tried in float
CHANNELS: Final = 4  # so many
MANY: Final = 16  # times as many channels must there be, or leaving the convolution out is as good
CURE: Final = 0.5  # of the harm may remain, or it is no cure


def convolutions(model: onnx.ModelProto) -> tuple[str, ...]:
    """All of them, in the graph's order."""
    return tuple(node.name for node in model.graph.node if node.op_type == "Conv")


def conv_work(model: onnx.ModelProto) -> dict[str, int]:
    """Multiply-adds of each convolution."""
    counted = multiply_adds(model)
    return {name: counted[name] for name in convolutions(model)}


def conv_weights(model: onnx.ModelProto) -> dict[str, int]:
    """Numbers in the weight of each convolution."""
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in model.graph.initializer}
    return {node.name: sizes[node.input[1]] for node in model.graph.node if node.op_type == "Conv"}


def output_channels(model: onnx.ModelProto) -> dict[str, int]:
    """Of each convolution, in the graph's order."""
    sizes = {tensor.name: int(tensor.dims[0]) for tensor in model.graph.initializer if tensor.dims}
    return {node.name: sizes[node.input[1]] for node in model.graph.node if node.op_type == "Conv"}


def default_blocklist(chosen: Recipe, convs: Mapping[str, int], weights: str) -> dict[str, Any]:
    """The committed list, as `blocklist.json` holds it.

    Args:
        convs: of the vocoder, with the number of their output channels. Where a convolution is narrower than the list's
            channels, it stays in float as a whole.
        weights: their name, as the export recorded it.
    """
    owner, exclusions = committed(weights, chosen.name)
    listed = {exclusion.conv: exclusion for exclusion in exclusions}
    rows: dict[str, Any] = {}
    for name, outputs in convs.items():
        exclusion = listed.get(name)
        channels = exclusion.channels if exclusion and all(c < outputs for c in exclusion.channels) else ()
        rows[name] = {
            "mel_db": exclusion.alone_mel_db if exclusion else None,
            "decision": "float" if exclusion and not channels else "quantized",
            "float_channels": list(channels),
            "reason": exclusion.reason if exclusion else "not on the committed list",
        }
    return {"target": chosen.name, "source": f"committed list, measured on {owner}", "convolutions": rows}


def searched_blocklist(
    chosen: Recipe, model: onnx.ModelProto, seen: Mapping[str, Channels], judge: Judge, moments: Moments | None
) -> dict[str, Any]:
    """Listens to each convolution alone, cures single channels, then listens to wholes; see `search.py`.

    Args:
        judge: of sentences that the result is not judged on.
        moments: see `make_plan`.
    """
    names, bits = convolutions(model), chosen.activation_bits
    work, weights = conv_work(model), conv_weights(model)
    candidates = [Candidate(name, share_of_work(work, (name,)), share_of_work(weights, (name,))) for name in names]
    plan = make_plan(model, seen, names, bits)
    few = judge.first(ALONE_SENTENCES)
    with (
        console.progress(f"listen to {chosen.name}", len(names) + CURED + 1) as advance,
        alone_in_integers(plan.rescaled(model), plan.qdq, few) as listen_alone,
    ):
        alone: dict[str, Quality] = {}
        for name in names:
            advance(name)
            alone[name] = summarize(listen_alone(name, ())).mean
        floats: dict[str, tuple[int, ...]] = {}
        widest = widest_channels(model, seen, plan)
        curable = (n for n in widest if n not in NEVER)
        for name in sorted(curable, key=lambda n: -harm(alone, n, NEVER))[:CURED]:
            advance(f"{name}, {len(widest[name])} channels in float")
            cured = {**alone, name: summarize(listen_alone(name, widest[name])).mean}
            if harm(cured, name, NEVER) < CURE * harm(alone, name, NEVER):
                floats[name], alone = widest[name], cured

        def listen(nodes: tuple[str, ...]) -> Summary:
            advance(f"{len(nodes)} convolutions")
            whole = make_plan(model, seen, nodes, bits, moments=moments, floats=floats)
            return summarize(judge.score_graph(apply(whole, model)))

        found = search(candidates, NEVER, alone, listen, STANDARDS[bits].goal)
    return _as_blocklist(chosen, found, floats)


def widest_channels(
    model: onnx.ModelProto, seen: Mapping[str, Channels], plan: VocoderPlan
) -> dict[str, tuple[int, ...]]:
    """Convolution -> its output channels of the widest range before rescaling, where they are a few of many."""
    outputs = {node.name: node.output[0] for node in model.graph.node if node.name in plan.qdq.nodes}
    return {
        name: tuple(int(channel) for channel in np.argsort(-seen[value].peak(), kind="stable")[:CHANNELS])
        for name, value in outputs.items()
        if len(seen[value].low) >= MANY * CHANNELS
    }


def _as_blocklist(chosen: Recipe, found: SearchResult, floats: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    rows = {}
    for name, quality in found.alone.items():
        out = name in found.excluded
        reason = "most harm for its price" if out else "the whole sounds as it should with it"
        reason = "never in integers" if name in NEVER else reason
        decision = {"decision": "float" if out else "quantized", "float_channels": list(floats.get(name, ()))}
        rows[name] = {**rounded(quality), **decision, "reason": reason}
    curve = [{"excluded": p.excluded, "share": round(p.share, 4), **p.quality.facts()} for p in found.curve]
    return {"target": chosen.name, "source": "searched", "convolutions": rows, "curve": curve}


def excluded_convolutions(blocklist: Mapping[str, Any]) -> tuple[str, ...]:
    """Those that stay in float."""
    return tuple(name for name, row in blocklist["convolutions"].items() if row["decision"] == "float")


def float_channels(blocklist: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Output channels that stay in float, of convolutions in integers."""
    rows = blocklist["convolutions"].items()
    return {n: tuple(r["float_channels"]) for n, r in rows if r["float_channels"] and r["decision"] != "float"}


def write_blocklist(folder: Path, blocklist: Mapping[str, Any]) -> None:
    """`blocklist.json` and its picture."""
    (folder / BLOCKLIST).write_text(json.dumps(blocklist, indent=1) + "\n", encoding="utf-8")
    title = f"{blocklist['target']}: {blocklist['source']}"
    (folder / PLOT).write_text(
        draw_blocklist(title, blocklist["convolutions"], blocklist.get("curve", ())), encoding="utf-8"
    )
