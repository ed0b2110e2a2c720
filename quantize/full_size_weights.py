"""What a package would weigh at the size of Kokoro-82M, from its config and the choices made for other weights.

A demo voice is a twentieth of the real model: whether a target stays under its size there says nothing. The numbers of
weights are formulas of the config, held against a graph's own count in the tests; the bits are this run's choices.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from export_onnx import geometry
from export_onnx.architecture import STYLE_HALF, load_architecture
from export_onnx.contracts import ORIGINAL_DECODER, norm_channels
from quantize.full_size import FRONT_KERNEL, FULL_SIZE, multiply_adds_a_frame
from quantize.text_stages import TextSide

GOAL_MB: Final = 110.0  # all buckets of a target together
GRAPHS_MB: Final = 3.2  # the ONNX files of seven stages and three buckets, measured at full size
ROUNDING_MB: Final = 1.5  # scales, biases, norms, pages
GATES: Final = 4  # of an LSTM
FLOAT_BYTES: Final = 4
POLYPHASE_ZEROS: Final = 1.5  # a third of the stored taps of an upsampling are zero


def lstm(inputs: int, hidden: int) -> int:
    """Weights of one that reads both ways; `hidden` numbers come out of each direction."""
    return 2 * GATES * hidden * (inputs + hidden)


def albert_weights(config: Mapping[str, Any]) -> dict[str, int]:
    """Of `bert`'s convolutions, by part."""
    sizes = config["plbert"]
    wide, inner = sizes["hidden_size"], sizes["intermediate_size"]
    narrow = sizes.get("embedding_size", 128)
    square = dict.fromkeys(("query", "key", "value", "dense"), wide * wide)
    embedded = config["n_token"] + sizes["max_position_embeddings"]
    return {
        "embeddings": embedded * narrow,
        "widen": narrow * wide,
        **square,
        "ffn": wide * inner,
        "ffn_output": wide * inner,
        "encoder": wide * config["hidden_dim"],
    }


def cpu_weights(config: Mapping[str, Any]) -> dict[str, int]:
    """Of the CPU's stages, by the names of `storage.stores_of`."""
    hidden, style = config["hidden_dim"], STYLE_HALF
    half = hidden // 2
    encoder = config["n_layer"] * (lstm(hidden + style, half) + 2 * hidden * style)
    counting = encoder + lstm(hidden + style, half) + config["max_dur"] * hidden
    kernel = config["text_encoder_kernel_size"]
    text = config["n_layer"] * hidden * hidden * kernel + config["n_token"] * hidden + lstm(hidden, half)
    curve = hidden * hidden * FRONT_KERNEL * 2 + half * (hidden + half) * FRONT_KERNEL + half * hidden
    curve += half * half * FRONT_KERNEL * 2
    curve += 2 * style * (2 * hidden + (hidden + half) + 2 * half)  # gains and shifts of six norms
    return {
        "duration, what counts": counting,
        "duration, what does not": text,
        "prosody": lstm(hidden + style, half) + 2 * curve,
        "style": 2 * style * norm_channels(config),
    }


def vocoder_weights(config: Mapping[str, Any]) -> dict[str, int]:
    """Of the vocoder's convolutions as they are stored, by group."""
    vocoder, decoder = config["istftnet"], config.get("decoder", ORIGINAL_DECODER)
    last = decoder["blocks"] - 1
    stage0 = geometry.F0_PER_FRAME * vocoder["upsample_rates"][0]
    kernels = len(vocoder["resblock_kernel_sizes"])
    result = {}
    for group, count in multiply_adds_a_frame(config).items():
        name, _, rest = group.partition(".")
        at = {f"decode.{last}": geometry.F0_PER_FRAME, "ups.0": geometry.F0_PER_FRAME, "ups.1": stage0}.get(group, 1)
        if name in ("noise_convs", "noise_res"):
            at = (stage0, geometry.STAGE1_PER_FRAME)[int(rest)]
        if name == "resblocks":
            at = (stage0, geometry.STAGE1_PER_FRAME)[int(rest) // kernels]
        at = geometry.STAGE1_PER_FRAME if name == "conv_post" else at
        result[group] = round(count / at * (POLYPHASE_ZEROS if name == "ups" else 1))
    return result


def size_goal(excluded: Collection[str], side: TextSide, on_cpu: bool) -> dict[str, Any]:
    """The goal, and stage -> MB of such a package at full size.

    Args:
        excluded: the vocoder's groups in float.
        side: what was decided for the other stages.
        on_cpu: whether float weights of bert and vocoder take 16 bits, too.
    """
    config = load_architecture(FULL_SIZE)
    left = FLOAT_BYTES // 2 if on_cpu else FLOAT_BYTES
    stored = {one.store.name: (one.bits or 8 * FLOAT_BYTES) / 8 for one in side.stored}
    integers = {part.name for part in side.choice.quantized} if side.choice else set()
    albert, cpu = albert_weights(config), cpu_weights(config)
    as_float = stored.get("bert, what counts", FLOAT_BYTES)
    sizes = dict.fromkeys(("bert", "duration", "prosody", "style"), 0.0)
    sizes["bert"] = sum(count * (1 if part in integers else as_float) for part, count in albert.items())
    for name, count in cpu.items():
        sizes[name.partition(",")[0]] += count * stored.get(name, FLOAT_BYTES)
    convs = vocoder_weights(config)
    sizes["vocoder"] = sum(count * (left if group in excluded else 1) for group, count in convs.items())
    megabytes = {stage: round(size / 1e6, 2) for stage, size in sizes.items()}
    megabytes["graphs and the rest"] = GRAPHS_MB + ROUNDING_MB
    total = round(sum(megabytes.values()), 1)
    return {"goal": GOAL_MB, "met": total <= GOAL_MB, "megabytes": {**megabytes, "total": total}}
