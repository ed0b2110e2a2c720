"""`make speak`: speaks text into a WAV with a package, on this computer; the file grows while the sound is made."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import soundfile

from export_onnx import console
from export_onnx.errors import PackageError, TextError
from export_onnx.geometry import FRAMES_PER_SECOND, SAMPLE_RATE
from export_onnx.provenance import read_report
from export_onnx.text.lexicon import read_lexicon
from selector.package.manifest import MANIFEST
from selector.package.opened import Package
from selector.package.whole_files import whole_file

MOST_REMARKS: Final = 5  # lines about files that nothing reads


def find_package(dist: Path, target: str, weights: str = "", build: Path | None = None) -> Path:
    """The newest package of a target in `dist`, or `dist` itself where it is one.

    Args:
        weights: their name; only their package is taken.
        build: where `dist` has packages of several weights and none are named, those of this build's export are taken.

    Raises:
        PackageError: there is none; or there are several, and nothing says whose is meant.
    """
    if (dist / MANIFEST).is_file():
        return dist
    found: dict[str, list[Path]] = {}
    for file in dist.glob(f"kokoro-npu-*-{target}/{MANIFEST}"):
        found.setdefault(_weights_of(file), []).append(file.parent)
    there = ", ".join(sorted(found)) or "none"
    if weights or not found:
        wanted = f"a package for {target}" + (f" of the weights {weights}" if weights else "")
        if weights not in found:
            todo = "Make one with `make export-int8`, or name another TARGET."
            raise PackageError(str(dist), expected=wanted, got=there, todo=todo)
    elif len(found) > 1:
        report = read_report(build / "export_onnx") if build else None
        weights = report["weights"]["name"] if report else ""
        if weights not in found:
            raise PackageError(
                str(dist),
                expected=f"one package for {target}, or the name of its weights",
                got=f"packages of {there}" + (f", and a build of {weights}" if weights else ""),
                todo="Name one of them with --weights, or the package itself with --dist (DIST=… of make).",
            )
    packages = found[weights] if weights else next(iter(found.values()))
    return max(packages, key=lambda p: ((p / MANIFEST).stat().st_mtime, p.name))


def _weights_of(file: Path) -> str:
    """The weights' name in a manifest; the folder's name where the file is no manifest, which opening it will say."""
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["weights"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return file.parent.name


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
    build: Path | None = None,
    language: str = "",
    lexicon: Path | None = None,
    stock: bool = False,
) -> dict[str, Any]:
    """Speaks `text` into `out`, 24 kHz mono; prints and returns the buckets, seconds and real-time factor.

    `weights` and `build` are as in `find_package`, `stock` as in `Package.open`. `language` is the voice's own where
    it is empty, and `lexicon` a file as `read_lexicon` reads it. `report` takes the same figures as JSON;
    `peak_memory_mb` is the whole process's.

    Raises:
        PackageError, ContractError, TextError: as `Package.open` and `Package.synthesize`; `out` is then as before.
    """
    words = read_lexicon(lexicon) if lexicon else None
    package = Package.open(find_package(dist, target, weights, build), stock)
    console.say(f"{package.folder.name}, voice {voice or min(package.manifest.voices.files)}, speed {speed:g}")
    for remark in package.remarks[:MOST_REMARKS]:
        console.say(f"  {remark}")
    begun = time.monotonic()
    operators = package.operators
    console.say(f"  {'fused' if operators.fused else 'stock'} operators: {operators.reason}")
    samples, chunks, first = 0, 0, 0.0
    worst_click, worst_air = -200.0, -1.0
    with (
        whole_file(out) as work,
        refusing_sound_errors(out),
        soundfile.SoundFile(work, "w", SAMPLE_RATE, 1, subtype="PCM_16", format="WAV") as wav,
    ):
        for spoken in package.synthesize(text, voice or None, speed, language=language or None, lexicon=words):
            wav.write(spoken.samples.clip(-1, 1))
            samples += len(spoken.samples)
            if not spoken.sound_bucket:
                continue
            chunks += 1
            if spoken.left_out:
                console.say(f"  tags left out: {', '.join(f'<{name}>' for name in spoken.left_out)}")
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
        "fused_operators": operators.fused,
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
