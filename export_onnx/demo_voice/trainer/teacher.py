"""The teacher's speech as training data: ids, whole frames per symbol, audio, F0 and energy of every sentence.

Each sentence is spoken by each trained voice. Sentences whose phoneme events do not spell the ids are left out and
counted; nothing is guessed.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from scipy.signal import resample_poly

from export_onnx.demo_voice.trainer.align import align
from export_onnx.demo_voice.trainer.espeak import PhonemeEvent, espeak
from export_onnx.demo_voice.trainer.espeak_voices import LANGUAGE, RATE, VoiceSetting
from export_onnx.demo_voice.trainer.progress import track
from export_onnx.demo_voice.trainer.signal_features import energy, f0_curve, log_mel
from export_onnx.geometry import SAMPLE_RATE, SAMPLES_PER_FRAME
from export_onnx.run import text

SILENCE_BEFORE: Final = 0.05  # s; the first pad's
SILENCE_AFTER: Final = 0.1  # s at least; the last pad's, with what fills the last frame
GAIN: Final = 0.5  # espeak speaks at full scale


@dataclass(frozen=True)
class TaughtSentence:
    """One sentence in one voice.

    Attributes:
        sentence: the text.
        voice: name of its setting.
        ids: `[T]` int64, pads included.
        durations: `[T]` int64 frames, each at least 1, sum F.
        audio: `[600 F]` float32.
        f0: `[2 F]` Hz, 0 where unvoiced; empty if it was not requested.
        energy: `[2 F]`.
    """

    sentence: str
    voice: str
    ids: torch.Tensor
    durations: torch.Tensor
    audio: torch.Tensor
    f0: torch.Tensor
    energy: torch.Tensor

    @property
    def frames(self) -> int:
        """Duration frames in the audio."""
        return self.audio.shape[0] // SAMPLES_PER_FRAME


def recite(sentence: str, setting: VoiceSetting) -> tuple[npt.NDArray[np.float32], list[PhonemeEvent], int]:
    """Speech at 24 kHz with silence around it, in whole frames.

    Returns:
        audio `[600 F]`, the phoneme events with their positions at 24 kHz, F.
    """
    speech = espeak(sentence, f"{LANGUAGE}+{setting.variant}", rate=RATE, pitch=setting.pitch)
    divisor = math.gcd(SAMPLE_RATE, speech.rate)
    spoken = resample_poly(speech.samples, SAMPLE_RATE // divisor, speech.rate // divisor) * GAIN
    before = round(SILENCE_BEFORE * SAMPLE_RATE)
    frames = math.ceil((before + len(spoken) + SILENCE_AFTER * SAMPLE_RATE) / SAMPLES_PER_FRAME)
    audio = np.zeros(frames * SAMPLES_PER_FRAME, dtype=np.float32)
    audio[before : before + len(spoken)] = spoken
    scale = SAMPLE_RATE / speech.rate
    return audio, [PhonemeEvent(p.ipa, round(before + p.start * scale)) for p in speech.phones], frames


def teach(sentence: str, setting: VoiceSetting, vocab: dict[str, int], with_f0: bool = True) -> TaughtSentence | None:
    """One sentence in one voice, or None if the events do not spell the ids."""
    encoded = text.encode(text.phonemize(sentence), vocab)
    audio, phones, _ = recite(sentence, setting)
    durations = align(encoded.phonemes, phones, len(audio), SAMPLES_PER_FRAME)
    if durations is None:
        return None
    waveform = torch.from_numpy(audio)
    return TaughtSentence(
        sentence,
        setting.name,
        torch.tensor(encoded.ids),
        torch.from_numpy(durations),
        waveform,
        torch.from_numpy(f0_curve(audio)) if with_f0 else torch.empty(0),
        energy(log_mel(waveform)),
    )


def teach_all(lines: list[str], settings: tuple[VoiceSetting, ...], vocab: dict[str, int]) -> list[TaughtSentence]:
    """Every line in every voice; what cannot be aligned is left out."""
    pairs = [(line, setting) for line in lines for setting in settings]
    found = (teach(line, setting, vocab) for line, setting in track(pairs, "teacher"))
    return [utterance for utterance in found if utterance is not None]


def save_taught(utterances: list[TaughtSentence], asked: int, path: Path) -> dict[str, Any]:
    """Writes the data set and, beside it, a report of what is in it; returns the report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save([vars(utterance) for utterance in utterances], path)
    report = {
        "utterances": len(utterances),
        "not_aligned": asked - len(utterances),
        "minutes": round(sum(u.frames for u in utterances) * SAMPLES_PER_FRAME / SAMPLE_RATE / 60, 1),
        "symbols": sum(len(u.ids) for u in utterances),
    }
    path.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def load_taught(path: Path) -> list[TaughtSentence]:
    """The data set that `save_taught` wrote."""
    return [TaughtSentence(**fields) for fields in torch.load(path, weights_only=True)]
