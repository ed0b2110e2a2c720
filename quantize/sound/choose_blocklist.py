"""Decides which convolutions stay in float for one target, from the committed list or by a search.

Without `--search`, `default_blocklist` takes the committed list of `blocklists.py`. If a convolution has fewer output
channels than the list's channel numbers need, all of it stays in float. With `--search`, `searched_blocklist`

1. quantizes each convolution alone and compares the sound of `ALONE_SENTENCES` search sentences;
2. leaves the `CHANNELS` widest output channels of a convolution in float, for each of the `CURED` most harmful ones
   that have at least `MANY` times as many channels, and compares the sound again;
3. keeps those channels in float if less than `CURE` of the harm remains;
4. searches the convolutions that stay in float as a whole (`search.py`).

An example: resblocks.1's last convolution on Kokoro-82M moves the log-mel spectrum by 0.50 dB when it alone is
quantized. It has 256 output channels, so step 2 tries it with channels 68, 58, 149 and 133 in float. Nearly all of its
harm is gone, so they stay in float, at 0.02 % of the vocoder's multiply-adds instead of 1.4 % for all of it.

The result is written as `blocklist.json`, with a picture.
"""

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
ALONE_SENTENCES: Final = 3  # on which each convolution alone is measured
CURED: Final = 8  # the most harmful convolutions, which are tried with single channels in float
CHANNELS: Final = 4  # the channels that are in float then
MANY: Final = 16  # times CHANNELS: the fewest output channels; with fewer, the whole convolution may as well be float
CURE: Final = 0.5  # the share of the harm that may remain


def convolutions(model: onnx.ModelProto) -> tuple[str, ...]:
    """The names of all convolutions, in the graph's order."""
    return tuple(node.name for node in model.graph.node if node.op_type == "Conv")


def conv_work(model: onnx.ModelProto) -> dict[str, int]:
    """The multiply-adds of each convolution, by name."""
    counted = multiply_adds(model)
    return {name: counted[name] for name in convolutions(model)}


def conv_weights(model: onnx.ModelProto) -> dict[str, int]:
    """How many numbers each convolution's weight has, by name."""
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in model.graph.initializer}
    return {node.name: sizes[node.input[1]] for node in model.graph.node if node.op_type == "Conv"}


def output_channels(model: onnx.ModelProto) -> dict[str, int]:
    """How many output channels each convolution has, by name, in the graph's order."""
    sizes = {tensor.name: int(tensor.dims[0]) for tensor in model.graph.initializer if tensor.dims}
    return {node.name: sizes[node.input[1]] for node in model.graph.node if node.op_type == "Conv"}


def default_blocklist(chosen: Recipe, convs: Mapping[str, int], weights: str) -> dict[str, Any]:
    """The committed list, as `blocklist.json` holds it.

    Args:
        convs: the vocoder's convolutions, with the number of their output channels.
        weights: the weights' name, as the export recorded it.
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
    """Searches a block-list for the weights of `model`, in the steps that the module's docstring lists.

    Args:
        model: the vocoder's float graph.
        seen: calibration's statistics of its values.
        judge: has sentences that the result is not judged on.
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
    """Convolution -> its `CHANNELS` output channels of the widest range before rescaling, if it has many channels."""
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
    """The convolutions that stay in float as a whole."""
    return tuple(name for name, row in blocklist["convolutions"].items() if row["decision"] == "float")


def float_channels(blocklist: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Quantized convolution -> those of its output channels that stay in float."""
    rows = blocklist["convolutions"].items()
    return {n: tuple(r["float_channels"]) for n, r in rows if r["float_channels"] and r["decision"] != "float"}


def write_blocklist(folder: Path, blocklist: Mapping[str, Any]) -> None:
    """Writes `blocklist.json` and its picture into `folder`."""
    (folder / BLOCKLIST).write_text(json.dumps(blocklist, indent=1) + "\n", encoding="utf-8")
    title = f"{blocklist['target']}: {blocklist['source']}"
    (folder / PLOT).write_text(
        draw_blocklist(title, blocklist["convolutions"], blocklist.get("curve", ())), encoding="utf-8"
    )
