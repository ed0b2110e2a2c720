"""A build folder as the page reads it: fake stages, a report of every step, targets whose sound differs a little."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from calibrate.capture import speak_all
from calibrate.corpus import Utterance
from calibrate.speech import Sample, write_sample
from export_onnx.buckets import BUCKETS, sentence_bucket
from export_onnx.graph.shared_weights import ModelFolder
from quantize.listen.quality import Quality, Summary, rounded
from quantize.recipes import recipe
from tests.selector.coverage_fakes import fake_coverage
from tests.selector.selector_fakes import WEIGHTS, graphs, list_files, make_build

HELD_OUT: list[dict[str, Any]] = [
    {"text": "The boat was late.", "voice": "bf_long", "speed": 1.0, "seed": 1},
    {"text": "Nothing moved.", "voice": "af_short", "speed": 1.0, "seed": 2},
]
STEP = {"weights": WEIGHTS, "seconds": 12.5, "peak_memory_mb": 345, "versions": {"onnx": "1"}, "signature": "s"}
UNHEARD = HELD_OUT[1]["voice"]


def summary(pesq: float, mel_db: float, snr_db: float, sentences: int = 8) -> dict[str, Any]:
    """Facts of sentences whose worst is a little worse than their mean."""
    mean = Quality(pesq, 0.9934, mel_db, snr_db, quiet_db=0.004, gain_db=-0.021)
    worst = Quality(pesq - 0.13, 0.9812, mel_db + 0.3, snr_db - 2.5, quiet_db=0.04, gain_db=-0.31)
    return Summary(mean, worst, sentences).facts()


QUALITY = {
    "groups": {
        "all": summary(4.52, 0.91, 20.4, 16),
        "heard": summary(4.56, 0.87, 21.9),
        "unheard": summary(4.48, 0.95, 18.9),
        HELD_OUT[0]["voice"]: summary(4.56, 0.87, 21.9),
        UNHEARD: summary(4.48, 0.95, 18.9),
    },
    "unheard": [UNHEARD],
    "bucket": "5s",
    "meets_goal": True,
    "missed": [],
    "durations": {
        "sentences": 16,
        "unchanged": 14,
        "tokens": 777,
        "tokens_changed": 2,
        "token_frames": 1,
        "length_frames": 1,
        "worst_sentence_tokens": 1,
        "share_by_voice": {HELD_OUT[0]["voice"]: 0.0, UNHEARD: 0.005},
    },
}
COMPARISON = {
    "dynamic INT8": summary(2.83, 4.6, 12.6, 16),
    "static min-max, no equalization": summary(2.61, 4.41, 9.9, 16),
}
KEPT = 30  # convolutions in integers
PARTED = 1  # of them, with two channels in float
SIZE_GOAL = {"goal": 110.0, "with_voices": 109.94, "met": True}
BLOCKLIST: dict[str, Any] = {
    "source": "searched",
    "convolutions": {
        **{
            f"/resblocks.{i}/convs1.0/Conv": {**rounded(Quality(4.6, 0.99, 0.01 * i, 40.0)), "decision": "quantized"}
            | {"float_channels": [68, 58] if i == PARTED else [], "reason": "the whole meets the goal"}
            for i in range(KEPT)
        },
        "/ups.1/conv/Conv": {
            "mel_db": 0.005,
            "decision": "float",
            "float_channels": [],
            "reason": "most harm for its price",
        },
        "/conv_post/Conv": {**rounded(Quality(1.2, 0.7, 9.8, 9.1)), "decision": "float", "float_channels": []}
        | {"reason": "a veil of noise"},
    },
    "curve": [
        {"excluded": ["/conv_post/Conv"], "share": 0.996, **summary(4.31, 1.21, 17.4)},
        {"excluded": ["/conv_post/Conv", "/ups.1/conv/Conv"], "share": 0.954, **summary(4.51, 0.92, 20.1)},
    ],
}
RANGES = {
    f"/x{i}_output_0": {
        "channels": 8,
        "before": [-1.0, 2.0],
        "after": [-0.5, 1.0],
        "used_before": 0.05 * i,
        "used_after": 0.9,
    }
    for i in range(12)
}
EVERY_LEVEL = ("rules", "compiled", "simulated")


def write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")


def page_build(build: Path, targets: tuple[str, ...] = ("nnapi", "cpu"), gain: float = 0.9) -> Path:
    """Every step completed; the targets' sound is `gain` times the float sound."""
    make_build(build, targets)
    exported = json.loads((build / "export_onnx" / "report.json").read_text())
    write(build / "export_onnx" / "report.json", {**STEP, "buckets": exported["buckets"], "nodes": exported["nodes"]})
    split = {"corpus": "ours", "held_out": HELD_OUT, "held_out_voices": [UNHEARD]}
    write(build / "calibrate" / "report.json", {**STEP, "samples": 3, "method": "mse", "split": split})
    said = [Utterance(**one) for one in HELD_OUT]
    for number, sample in enumerate(speak_all(build / "export_onnx", sentence_bucket(BUCKETS), said, sound=True)):
        assert isinstance(sample, Sample)
        write_sample(build / "calibrate", "held_out", number, sample)
    for target in targets:
        folder = build / "quantize" / target
        with ModelFolder(folder) as models:
            for bucket in recipe(target).buckets(BUCKETS):
                for name, model in graphs(bucket).items():
                    if name == "tail":
                        constant = next(t for t in model.graph.initializer if t.name == "gain")
                        constant.CopyFrom(_times(constant, gain))
                    models.save(model, f"{name}_{bucket.name}")
        facts = {"quality": QUALITY, "convolution_share": 0.954, "comparison": COMPARISON, "size_goal": SIZE_GOAL}
        facts["text_stages"] = {}
        write(folder / "report.json", {**STEP, **facts, "made_from": {"export_onnx": "s", "calibrate": "s"}})
        write(folder / "blocklist.json", BLOCKLIST)
        write(folder / "ranges.json", RANGES)
    for step in ("export_onnx", "calibrate", *(f"quantize/{target}" for target in targets)):
        list_files(build / step)
    return build


def cover(build: Path, proven: dict[str, list[str]], required: str = "rules", target: str = "nnapi") -> Path:
    """A coverage report for one target: the levels of the vocoder's halves by bucket; `bert` is always at the rules."""
    bert = {bucket: ["rules"] for bucket in proven}
    return fake_coverage(build, {"bert": bert, "decoder": proven, "generator": proven}, required, target)


def _times(constant: Any, gain: float) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array((numpy_helper.to_array(constant) * gain).astype(np.float32), constant.name)


def players(html: str) -> list[np.ndarray]:
    """What every player of a page would play."""
    found = re.findall(r'<audio[^>]* src="data:audio/flac;base64,([^"]*)"', html)
    return [soundfile.read(io.BytesIO(base64.b64decode(content)))[0] for content in found]


def images(html: str) -> list[np.ndarray]:
    """The pixels of every picture of a page."""
    found = re.findall(r'<img src="data:image/png;base64,([^"]*)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("L"), float) for content in found]


def faults(html: str) -> list[str]:
    """What is wrong with a page's sounds and pictures, without a browser."""
    wrong = [f"silent player {i}" for i, sound in enumerate(players(html)) if np.sqrt(np.mean(sound**2)) < 0.003]
    wrong += [f"empty picture {i}" for i, picture in enumerate(images(html)) if picture.var() < 1]
    wrong += [f"refers to {url}" for url in re.findall(r'(?:src|href)="(?!data:|#)([^"]*)"', html)]
    return wrong


def page_words(html: str) -> str:
    """What a reader reads."""
    text = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))
