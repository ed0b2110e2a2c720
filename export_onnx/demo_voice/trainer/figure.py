"""Teacher above student: mel spectrograms of one held-out sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from export_onnx.demo_voice.trainer.measures import Said
from export_onnx.demo_voice.trainer.teacher import TaughtSentence
from export_onnx.geometry import F0_PER_FRAME, FRAMES_PER_SECOND, SAMPLE_RATE
from export_onnx.proof.mel import HOP, mel_power

RANGE_DB: Final = 70.0  # below the loudest point


def draw_spectrograms(taught: TaughtSentence, said: Said, path: Path) -> None:
    """Writes a PNG: both log-mel spectrograms on one scale, and both F0 curves under them."""
    import matplotlib as mpl  # only the extra `demo-voice` has it

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    levels = [10 * np.log10(mel_power(audio.numpy()) + 1e-12) for audio in (taught.audio, said.audio)]
    top = max(float(level.max()) for level in levels)
    plot, axes = plt.subplots(3, 1, figsize=(9, 7), sharex=True, layout="constrained")
    for axis, level, title in zip(axes[:2], levels, ("teacher (espeak-ng)", "student"), strict=True):
        seconds = level.shape[1] * HOP / SAMPLE_RATE
        axis.imshow(
            level, origin="lower", aspect="auto", vmin=top - RANGE_DB, vmax=top, extent=(0, seconds, 0, level.shape[0])
        )
        axis.set(title=title, ylabel="mel band")
    times = np.arange(len(taught.f0)) / (F0_PER_FRAME * FRAMES_PER_SECOND)
    for curve, title in ((taught.f0, "teacher"), (said.f0, "student")):
        axes[2].plot(times, np.where(curve.numpy() > 10, curve.numpy(), np.nan), label=title)
    axes[2].set(ylabel="F0, Hz", xlabel="seconds")
    axes[2].legend()
    plot.suptitle(f"“{taught.sentence}” ({taught.voice})")
    plot.savefig(path, dpi=80, metadata={"Software": None})
    plt.close(plot)
