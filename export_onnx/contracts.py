"""The only table of shapes: the inputs and outputs of each stage, and the processor that runs it.

Ids enter `bert`, a waveform leaves `tail`. A shape is a tuple of numbers and names; a bucket and a checkpoint's
config give the names their sizes (`sizes`). Every tensor is zero on padding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeVar

from export_onnx import geometry
from export_onnx.buckets import Bucket, BucketSize
from export_onnx.errors import ContractError

# Widths of the original's decoder, which are numbers in its code; a narrower checkpoint's config names its own.
ORIGINAL_DECODER: Final = {"hidden": 1024, "residual": 64, "blocks": 4}
NORMS_PER_BLOCK: Final = 6  # AdaINResBlock1: three pairs

S = TypeVar("S")
Dtype = Literal["float32", "int32"]
Processor = Literal["npu", "cpu"]


@dataclass(frozen=True)
class Port:
    """One named tensor that a stage takes or gives."""

    name: str
    shape: tuple[int | str, ...]
    meaning: str
    dtype: Dtype = "float32"

    def resolve(self, sizes: Mapping[str, S]) -> tuple[S | int, ...]:
        """The shape in numbers, or in whatever else `sizes` gives for the names."""
        return tuple(sizes[size] if isinstance(size, str) else size for size in self.shape)


@dataclass(frozen=True)
class Stage:
    """One graph: a name, a processor, and its ports in order.

    Attributes:
        made_from: the larger graph that is exported and quantized and then cut into stages; empty if there is none.
    """

    name: str
    runs_on: Processor
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    made_from: str = ""

    @property
    def graph(self) -> str:
        """The name of the graph that is exported, calibrated and quantized for this stage."""
        return self.made_from or self.name


IDS = Port("ids", (1, "tokens"), "vocabulary ids, one pad at each end, 0 behind", "int32")
TOKEN_MASK = Port("token_mask", (1, "tokens"), "1 on real tokens")
N_TOKENS = Port("n_tokens", (1,), "real tokens, pads at both ends included", "int32")
PROSODY_STYLE = Port("prosody_style", (1, "style"), "second half of the voice row")
TIMBRE_STYLE = Port("timbre_style", (1, "style"), "first half of the voice row")
SPEED = Port("speed", (1,), "1 is the voice's own, 2 is twice as fast")
D_EN = Port("d_en", (1, "hidden", "tokens"), "the text as ALBERT reads it")
FRAMES_PER_TOKEN = Port("frames_per_token", (1, "tokens"), "whole numbers", "int32")
D = Port("d", (1, "hidden+style", "tokens"), "duration encoder's features")
T_EN = Port("t_en", (1, "hidden", "tokens"), "text encoder's features")
ASR = Port("asr", (1, "hidden", "frames"), "t_en, each token held for its frames")
F0 = Port("f0", (1, "f0"), "pitch in Hz, two values per frame")
ENERGY = Port("energy", (1, "f0"), "log energy, two values per frame")
N_FRAMES = Port("n_frames", (1,), "real frames; more than the bucket's means that it does not fit", "int32")
FRAME_MASK = Port("frame_mask", (1, "frames"), "1 on real frames")
NOISE = Port("noise", (1, "samples"), "one standard-normal value per sample")
HAR = Port("har", (1, "rows", "columns"), "harmonic source: 11 magnitudes, 11 phases in radians")
GAINS = Port("gains", (1, "norms"), "of every channel of the vocoder's norms (decoder, then generator), from the voice")
SHIFTS = Port("shifts", (1, "norms"), "of the same channels")
FEATURES = Port("features", (1, "features", 1, "f0"), "text, pitch and energy as the decoder's blocks leave them")
SPECTRUM = Port("spectrum", (1, "rows", "columns"), "11 log magnitudes, 11 phase angles before their sine")
WAVEFORM = Port("waveform", (1, "samples"), "24 kHz, 600 samples per frame")

# In the order of the data. The processor decides the cuts: dense convolutions go to the NPU; what is sequential,
# data-dependent or sensitive to phase stays on the CPU in float32.
STAGES: Final = (
    Stage("bert", "npu", (IDS, TOKEN_MASK), (D_EN,)),
    Stage("duration", "cpu", (IDS, D_EN, N_TOKENS, PROSODY_STYLE, SPEED), (FRAMES_PER_TOKEN, D, T_EN)),
    Stage("prosody", "cpu", (FRAMES_PER_TOKEN, D, T_EN, PROSODY_STYLE), (ASR, F0, ENERGY, N_FRAMES, FRAME_MASK)),
    Stage("source", "cpu", (F0, NOISE, N_FRAMES), (HAR,)),
    Stage("style", "cpu", (TIMBRE_STYLE,), (GAINS, SHIFTS)),
    Stage("decoder", "npu", (ASR, F0, ENERGY, GAINS, SHIFTS, FRAME_MASK), (FEATURES,), made_from="vocoder"),
    Stage("generator", "npu", (FEATURES, HAR, GAINS, SHIFTS, FRAME_MASK), (SPECTRUM,), made_from="vocoder"),
    Stage("tail", "cpu", (SPECTRUM, N_FRAMES), (WAVEFORM,)),
)

NPU_STAGES: Final = tuple(stage.name for stage in STAGES if stage.runs_on == "npu")

# Decoder and generator as one graph. It is calibrated, quantized and scored whole, because scales and errors cross the
# cut (cut.py has the reason). It does not ship.
VOCODER = Stage("vocoder", "npu", (ASR, F0, ENERGY, HAR, GAINS, SHIFTS, FRAME_MASK), (SPECTRUM,))
HALVES: Final = tuple(stage.name for stage in STAGES if stage.made_from == VOCODER.name)
GRAPHS: Final = tuple(dict.fromkeys(stage.graph for stage in STAGES))  # the graphs to export and quantize, in order
QUANTIZED: Final = ("bert", VOCODER.name)  # the graphs that `calibrate` and `quantize` work on

# The same stages as one graph, for people who want a single session.
MERGED = Stage(
    "kokoro",
    "cpu",
    (IDS, N_TOKENS, PROSODY_STYLE, TIMBRE_STYLE, SPEED, NOISE),
    (WAVEFORM, N_FRAMES, FRAMES_PER_TOKEN),
)


# Sizes that are free in a dynamic bucket, and the ports that tell real steps from padding, of which it has none.
FREE: Final = ("tokens", "frames", "f0", "columns", "samples")
OF_PADDING: Final = (TOKEN_MASK, N_TOKENS, FRAME_MASK)


def stage_in(stage: Stage, bucket: Bucket) -> Stage:
    """The stage as its graph in the bucket has it.

    A dynamic bucket is for the CPU, and has no padding that a port would have to tell of. `n_frames` stays as the
    output that says how long the sound is.
    """
    if not bucket.dynamic:
        return stage
    inputs = tuple(port for port in stage.inputs if port not in (*OF_PADDING, N_FRAMES))
    outputs = tuple(port for port in stage.outputs if port not in OF_PADDING)
    return replace(stage, runs_on="cpu", inputs=inputs, outputs=outputs)


def stage(name: str) -> Stage:
    """The stage of that name.

    Raises:
        ContractError: there is none.
    """
    everything = (*STAGES, VOCODER, MERGED)
    for candidate in everything:
        if candidate.name == name:
            return candidate
    raise ContractError(
        "stage name",
        expected=" | ".join(s.name for s in everything),
        got=name,
        todo="Check the spelling.",
    )


def free_sizes(bucket: BucketSize) -> dict[str, int]:
    """The sizes of `FREE`. A fixed bucket has some more spectral columns than its sound, a number that NPUs take."""
    frames = bucket.frames
    extra = 1 if bucket.dynamic else geometry.COLUMNS_EXTRA
    return {
        "tokens": bucket.tokens,
        "frames": frames,
        "f0": frames * geometry.F0_PER_FRAME,
        "columns": frames * geometry.STAGE1_PER_FRAME + extra,
        "samples": geometry.frames_to_samples(frames),
    }


def sizes(config: Mapping[str, Any], bucket: Bucket) -> dict[str, int]:
    """The sizes of the names in shapes, for one checkpoint's config and one bucket; the most, if it is dynamic."""
    hidden, style = config["hidden_dim"], config["style_dim"]
    return {
        "hidden": hidden,
        "style": style,
        "hidden+style": hidden + style,
        **free_sizes(bucket),
        "rows": geometry.SPECTRAL_ROWS,
        "norms": norm_channels(config),
        "features": config["istftnet"]["upsample_initial_channel"],
    }


def norm_channels(config: Mapping[str, Any]) -> int:
    """Channels of all norms of the decoder: the style gives each a gain and a shift."""
    widths, generator = {**ORIGINAL_DECODER, **config.get("decoder", {})}, config["istftnet"]
    hidden, last = widths["hidden"], generator["upsample_initial_channel"]
    joined = hidden + 2 + widths["residual"]  # features, F0 and energy, the text's shortcut
    front = (config["hidden_dim"] + 2 + hidden) + (widths["blocks"] - 1) * (joined + hidden) + (joined + last)
    blocks = len(generator["resblock_kernel_sizes"]) + 1  # per stage of the generator; one is the source's
    channels = sum(last // 2**stage for stage in range(1, len(generator["upsample_rates"]) + 1))
    return front + NORMS_PER_BLOCK * blocks * channels
