"""Sounds as data URIs: spectrograms as PNG, players' content as FLAC. The same sound gives the same bytes."""

from __future__ import annotations

import base64
import io
from typing import Any, Final

import numpy as np
import soundfile
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from export_onnx.geometry import SAMPLE_RATE
from export_onnx.proof.mel import FLOOR_DB, mel_power

RANGE_DB: Final = 70.0  # below the loudest point of the float sound: dark
DIFFERENCE_DB: Final = 3.0  # and more: bright. 1.5 times too loud would be 3.5 everywhere
SCALE: Final = 2  # pixels per band and frame, upwards only
COLOURS: Final = "magma"


def level(sound: Any, loudest: float) -> NDArray[np.float64]:
    """Log-mel level in dB below `loudest`, [80, frames], with a floor at levels that nobody hears."""
    return 10 * np.log10(np.maximum(mel_power(sound) / max(loudest, 1e-20), 10 ** (FLOOR_DB / 10)))


def spectrogram(sound: Any, reference: Any) -> str:
    """Draws a sound's log-mel spectrogram, from the reference's loudest point to 70 dB below."""
    return _png(1 + level(sound, mel_power(reference).max()) / RANGE_DB)


def difference(sound: Any, reference: Any) -> str:
    """Draws the difference of two sounds of one length, per band: black is equal, bright is 3 dB or more."""
    loudest = mel_power(reference).max()
    return _png(np.abs(level(sound, loudest) - level(reference, loudest)) / DIFFERENCE_DB)


def _png(brightness: NDArray[np.float64]) -> str:
    """[bands, frames] in 0 to 1 -> PNG with 64 colors, low bands at the bottom."""
    index = np.round(63 * np.clip(brightness, 0, 1)).astype(np.uint8)[::-1]
    picture = Image.fromarray(np.repeat(index, SCALE, axis=0), "P")
    colours = colormaps[COLOURS](np.linspace(0, 1, 64))[:, :3]
    picture.putpalette(np.round(255 * colours).astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return _uri("image/png", buffer.getvalue())


def player(sound: Any) -> str:
    """The sound as lossless 16-bit FLAC, so that a listener hears it unchanged."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(sound, -1, 1), SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return _uri("audio/flac", buffer.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
