"""libespeak-ng through ctypes: text -> samples, and when each phoneme begins.

The events are those of `espeak/speak_lib.h`: type 7 is a phoneme, with its sample position and its IPA string (up to
8 bytes, stress mark included; empty at a pause).
"""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from typing import Any, Final

import espeakng_loader
import numpy as np
import numpy.typing as npt

from export_onnx.errors import PipelineError

AUDIO_SYNCHRONOUS: Final = 2  # AUDIO_OUTPUT_SYNCHRONOUS
PHONEME_EVENTS_IPA: Final = 1 | 2  # espeakINITIALIZE_PHONEME_EVENTS | espeakINITIALIZE_PHONEME_IPA
RATE, PITCH = 1, 3  # espeak_PARAMETER
UTF8: Final = 1  # espeakCHARS_UTF8
END_OF_LIST, PHONEME = 0, 7  # espeak_EVENT_TYPE


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class PhonemeEvent:
    """One phoneme event: its IPA string (empty at a pause) and the sample at which it begins."""

    ipa: str
    start: int


@dataclass(frozen=True)
class Speech:
    """The speech that espeak made.

    Attributes:
        samples: `[n]` float32, -1 to 1, at `rate`.
        phones: in order of time.
        rate: samples per second (22,050 for espeak's own voices).
    """

    samples: npt.NDArray[np.float32]
    phones: tuple[PhonemeEvent, ...]
    rate: int


@functools.cache
def _library() -> tuple[ctypes.CDLL, int]:
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = espeakng_loader.get_data_path().encode()
    rate = int(library.espeak_Initialize(AUDIO_SYNCHRONOUS, 0, data, PHONEME_EVENTS_IPA))
    if rate <= 0:
        raise PipelineError("espeak-ng", expected="a sample rate", got=str(rate), todo="Reinstall espeakng-loader.")
    return library, rate


def espeak(text: str, voice: str, *, rate: int, pitch: int) -> Speech:
    """Synthesize `text`.

    Args:
        text: one sentence.
        voice: espeak's name, variant included: `gmw/en-US+f3`.
        rate: words per minute.
        pitch: 0 to 100.

    Raises:
        PipelineError: espeak does not have the voice.
    """
    library, sample_rate = _library()
    pieces: list[npt.NDArray[np.int16]] = []
    phones: list[PhonemeEvent] = []

    def receive(wave: Any, count: int, events: Any) -> int:
        if wave and count > 0:
            pieces.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while events[index].type != END_OF_LIST:
            event = events[index]
            if event.type == PHONEME:
                ipa = bytes(event.id.string).decode("utf-8", errors="replace")
                phones.append(PhonemeEvent(ipa, int(event.sample)))
            index += 1
        return 0

    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise PipelineError("espeak-ng", expected="a voice it knows", got=voice, todo="See `espeak-ng --voices`.")
    library.espeak_SetParameter(RATE, rate, 0)
    library.espeak_SetParameter(PITCH, pitch, 0)
    callback = _Callback(receive)
    library.espeak_SetSynthCallback(callback)
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, 1, 0, UTF8, None, None)
    library.espeak_Synchronize()
    samples = np.concatenate(pieces).astype(np.float32) / np.float32(32768)
    return Speech(samples, tuple(phones), sample_rate)
