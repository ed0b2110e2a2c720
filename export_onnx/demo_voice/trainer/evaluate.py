"""Measure the checkpoint on held-out sentences and write its README: every number there comes from here."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from kokoro.model import KModel

from export_onnx.checkpoint.voice_packs import voice_row
from export_onnx.checkpoint.weights import load_folder, load_weights
from export_onnx.demo_voice.sentences import read_sentences
from export_onnx.demo_voice.trainer import figure, teacher
from export_onnx.demo_voice.trainer import student_checkpoint as checkpoint
from export_onnx.demo_voice.trainer.espeak_voices import HELD_OUT, TRAINED
from export_onnx.demo_voice.trainer.measures import (
    Said,
    activation_ratios,
    mean_of,
    measure_mean,
    measure_sentence,
    row,
    say_sentence,
)
from export_onnx.demo_voice.trainer.progress import track
from export_onnx.demo_voice.trainer.recognizer import Recognizer, spoken_words, word_errors
from export_onnx.demo_voice.trainer.signal_features import f0_curve
from export_onnx.demo_voice.trainer.student import Student, load_config
from export_onnx.demo_voice.trainer.teacher import TaughtSentence
from export_onnx.demo_voice.trainer.voice_readme import write_readme
from export_onnx.run import text

FIGURE_SENTENCE: Final = "Where did I put my reading glasses?"
UNTRAINED_SEED: Final = 1
LISTENED: Final = (TRAINED[0], TRAINED[1], HELD_OUT)  # the voices that the recognizer hears

VoiceRows = Mapping[str, torch.Tensor]


def untrained() -> tuple[KModel, VoiceRows]:
    """The same architecture before its first step."""
    torch.manual_seed(UNTRAINED_SEED)
    student = Student(load_config()).eval()
    return student.model, checkpoint.voice_packs(student.state_dict())


def held_out(vocab: dict[str, int]) -> tuple[list[TaughtSentence], list[TaughtSentence], int]:
    """The held-out sentences, by the trained voices in turn and by the held-out voice; how many cannot be aligned."""
    lines = read_sentences("held_out")
    pairs = [(line, TRAINED[i % len(TRAINED)]) for i, line in enumerate(lines)]
    ours = [teacher.teach(line, voice, vocab) for line, voice in pairs]
    theirs = [teacher.teach(line, HELD_OUT, vocab) for line in lines]
    missing = sum(found is None for found in (*ours, *theirs))
    return [u for u in ours if u], [u for u in theirs if u], missing


def quality(model: KModel, voices: VoiceRows, taught: Sequence[TaughtSentence], title: str) -> dict[str, float]:
    """Mean distances of the student from the teacher."""
    return mean_of(
        [measure_sentence(u, say_sentence(model, u, row(voices, u)), f0_curve) for u in track(taught, title)]
    )


def word_error_rates(model: KModel, voices: VoiceRows, vocab: dict[str, int]) -> dict[str, Any]:
    """Word errors of the recognizer on the small-vocabulary sentences: teacher, student end to end.

    The student speaks by `KModel.forward`, from text to sound with its own durations.
    """
    lines = read_sentences("small_vocabulary")
    recognizer = Recognizer(lines)
    result: dict[str, Any] = {"vocabulary": len(recognizer.vocabulary), "sentences": len(lines), "voices": {}}
    for setting in LISTENED:
        counts = {"words": 0, "teacher": 0, "student": 0}
        for line in track(lines, f"recognizer, {setting.name}"):
            spoken, _, _ = teacher.recite(line, setting)
            encoded = text.encode(text.phonemize(line), vocab)
            torch.manual_seed(0)
            audio = model(encoded.phonemes, voice_row(voices[setting.name], len(encoded.phonemes)))
            expected = spoken_words(line)
            counts["words"] += len(expected)
            counts["teacher"] += word_errors(expected, recognizer.hear(spoken))
            counts["student"] += word_errors(expected, recognizer.hear(audio.numpy()))
        result["voices"][setting.name] = counts
    return result


def activations(model: KModel, voices: VoiceRows, taught: TaughtSentence) -> dict[str, dict[str, float]]:
    """Maximum to RMS per convolution input: the demo's and the random small model's."""
    random = load_weights("random-small")
    same = torch.as_tensor(next(iter(random.voices.values())))
    both = {
        "demo": activation_ratios(model, taught, row(voices, taught)),
        "random-small": activation_ratios(random.model, taught, voice_row(same, len(taught.ids) - 2)),
    }
    return {
        name: {
            "median": float(np.median(list(found.values()))),
            "p90": float(np.percentile(list(found.values()), 90)),
            "largest": max(found.values()),
            "convolutions": float(len(found)),
        }
        for name, found in both.items()
    }


def main(folder: Path, readme: Path) -> None:
    """Measure the checkpoint in `folder`; write `evaluation.json`, the figure and the README."""
    weights = load_folder(folder, "demo", "demo", "in this repository")
    vocab = weights.config["vocab"]
    raw, raw_voices = untrained()
    known, unknown, missing = held_out(vocab)
    shown = next(u for u in (*known, *unknown) if u.sentence == FIGURE_SENTENCE)
    said: Said = say_sentence(weights.model, shown, row(weights.voices, shown))
    figure.draw_spectrograms(shown, said, readme.with_name("spectrogram.png"))
    rows = {
        "demo voice, trained voices": quality(weights.model, weights.voices, known, "trained voices"),
        f"demo voice, held-out voice `{HELD_OUT.name}`": quality(
            weights.model, weights.voices, unknown, "held-out voice"
        ),
        f"untrained model ({len(known[::3])} of the sentences)": quality(raw, raw_voices, known[::3], "untrained"),
        "mean predictor": measure_mean(known),
    }
    result = {
        "sentences": len(read_sentences("held_out")),
        "not_aligned": missing,
        "rows": rows,
        "recognizer": word_error_rates(weights.model, weights.voices, vocab),
        "activations": activations(weights.model, weights.voices, shown),
        "shown": {"sentence": shown.sentence, "voice": shown.voice},
        "parameters": sum(p.numel() for p in weights.model.parameters()),
        "bytes": (folder / "demo.pth").stat().st_size,
        "training": json.loads((folder.parent / "training.json").read_text(encoding="utf-8")),
        "machine": f"{platform.machine()}, PyTorch {torch.__version__}",
    }
    (folder.parent / "evaluation.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_readme(result, readme)


if __name__ == "__main__":
    here = Path(__file__).parent.parent
    main(here / "checkpoint", here / "README.md")
