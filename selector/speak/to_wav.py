"""`make speak`: speaks text into a WAV with a package, on this computer; the file grows while the sound is made."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import soundfile

from export_onnx import console
from export_onnx.errors import PackageError, TextError
from export_onnx.geometry import FRAMES_PER_SECOND, SAMPLE_RATE
from selector.package.manifest import MANIFEST
from selector.package.opened import Package
from selector.package.whole_files import TEMPORARY, whole_file


def find_package(dist: Path, target: str, weights: str = "") -> Path:
    """The newest package of a target in `dist`, or `dist` itself if it is a package.

    Raises:
        PackageError: there is none.
    """
    if (dist / MANIFEST).is_file():
        return dist
    found = [p.parent for p in dist.glob(f"kokoro-npu-{weights or '*'}-*-{target}/{MANIFEST}")]
    found = [p for p in found if not p.name.startswith(TEMPORARY)]
    if not found:
        raise PackageError(
            str(dist),
            expected=f"a package for {target}",
            got="none",
            todo="Make one with `make export-int8`, or name another TARGET.",
        )
    return max(found, key=lambda p: ((p / MANIFEST).stat().st_mtime, p.name))


@contextmanager
def refusing_sound_errors(out: Path) -> Iterator[None]:
    """Raises errors of the sound file library as `PackageError`."""
    try:
        yield
    except soundfile.LibsndfileError as error:
        raise PackageError(
            str(out),
            expected="room and permission to write a WAV",
            got=str(error)[:120],
            todo="Free some space, or check --out.",
        ) from error


def read_text(file: Path) -> str:
    """Reads a text file in UTF-8.

    Raises:
        TextError: it cannot be read, or is not text.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TextError(
            str(file),
            expected="a text file in UTF-8",
            got=str(error)[:100],
            todo="Check the path, or convert the file.",
        ) from error


def speak_to_wav(
    dist: Path,
    target: str,
    text: str,
    voice: str = "",
    speed: float = 1.0,
    out: Path = Path("out.wav"),
    weights: str = "",
    report: Path | None = None,
) -> dict[str, Any]:
    """Speaks `text` into `out`, 24 kHz mono; prints and returns the buckets, seconds and real-time factor.

    `report` is the file for the same figures as JSON; `peak_memory_mb` is the whole process's.

    Raises:
        PackageError, ContractError, TextError: as `Package.open` and `Package.synthesize`; `out` is then as before.
    """
    package = Package.open(find_package(dist, target, weights))
    console.say(f"{package.folder.name}, voice {voice or min(package.manifest.voices.files)}, speed {speed:g}")
    begun = time.monotonic()
    samples, chunks, first = 0, 0, 0.0
    worst_click, worst_air = -200.0, -1.0
    with (
        whole_file(out) as work,
        refusing_sound_errors(out),
        soundfile.SoundFile(work, "w", SAMPLE_RATE, 1, subtype="PCM_16", format="WAV") as wav,
    ):
        for spoken in package.synthesize(text, voice or None, speed):
            wav.write(spoken.samples.clip(-1, 1))
            samples += len(spoken.samples)
            if not spoken.sound_bucket:
                continue
            chunks += 1
            first = first or time.monotonic() - begun
            if spoken.seam:
                worst_click = max(worst_click, spoken.seam.click_db)
                worst_air = max(worst_air, spoken.seam.dead_air)
            skipped = f", no id for {' '.join(spoken.skipped)}" if spoken.skipped else ""
            moved = f"{spoken.text_bucket} -> " if spoken.text_bucket != spoken.sound_bucket else ""
            seconds = spoken.frames / FRAMES_PER_SECOND
            console.say(f"  {spoken.tokens:3d} tokens {seconds:5.1f} s {moved}{spoken.sound_bucket}{skipped}")
    elapsed = time.monotonic() - begun
    audio = samples / SAMPLE_RATE
    result = {
        "out": str(out),
        "chunks": chunks,
        "seconds": round(audio, 3),
        "real_time_factor": round(elapsed / audio, 3),
        "first_sound_after": round(first, 3),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    if chunks > 1:
        result |= {"worst_click_db": round(worst_click, 1), "worst_dead_air": round(worst_air, 3)}
    if report:
        with whole_file(report) as work:
            work.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    console.say(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in result.items()))
    return result
