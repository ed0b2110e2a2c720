"""kokoro-onnx, the package from PyPI that most people run Kokoro with on a CPU, and its published 8-bit file.

The bench installs it into a folder of its own and without its dependencies: its `phonemizer` and the one that this
project's text front end needs are two packages with one import name. It gets phonemes, so no front end is timed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from android_test.bench.runners import THREADING, BenchRequest, TimedRun, sound_seconds
from export_onnx.checkpoint.packaged_weights import MODEL, NAME
from export_onnx.errors import ContractError
from export_onnx.run.sessions import SessionSettings, cpu_session

PINNED: Final = "kokoro-onnx==0.6.1"
PINNED_SHA256: Final = "50c8de4950d601df41428ee5462a48c8a78bef441bf671f2492e070ef44d8a32"  # of the wheel
VOICE: Final = "voice.npz"


def published_file(weights_folder: Path) -> Path:
    """kokoro-onnx's 8-bit file, where the weights' cache holds it."""
    return weights_folder / NAME / MODEL


def install_rival(folder: Path) -> None:
    """Installs kokoro-onnx into `folder`, once.

    Raises:
        ContractError: pip cannot install it.
    """
    if (folder / "kokoro_onnx").is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{PINNED} --hash=sha256:{PINNED_SHA256}\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command = [*pip, "--require-hashes", "--target", str(folder), "--requirement", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["nothing said"])[-1][:200]
        raise ContractError(PINNED, expected="an installation", got=said, todo="Leave it out with --contenders.")


class KokoroOnnxRunner:
    """`Kokoro.create` on phonemes, with our sessions' threads and its own cut into pieces of 510 phonemes."""

    late_load_seconds = 0.0

    def __init__(self, request: BenchRequest) -> None:
        sys.path.insert(0, request.rival)
        from kokoro_onnx import Kokoro  # type: ignore[import-not-found]  # in this contender's process only

        model = Path(request.model)
        self.disk_bytes = model.stat().st_size
        self.request = request
        voice = Path(request.rival) / VOICE  # it wants a file of voices, and gets one whose rows are all this text's
        self.style = np.tile(np.array([[request.style]], np.float32), (len(request.ids), 1, 1))
        np.savez(voice, voice=self.style)
        session: Any = cpu_session(model, SessionSettings(request.threads, entries=THREADING))
        self.kokoro: Any = Kokoro.from_session(session, str(voice))

    def run(self) -> TimedRun:
        """The whole text."""
        begun = time.perf_counter()
        samples, _ = self.kokoro.create(self.request.phonemes, self.style, is_phonemes=True, trim=False)
        return TimedRun(sound_seconds(samples, "kokoro-onnx"), time.perf_counter() - begun, {})
