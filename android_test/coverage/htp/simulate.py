"""Runs one file on Qualcomm's x86 simulation and on the CPU provider, and compares the outputs.

Compilation proves that the NPU takes the nodes, not that their numbers are right: some patterns compile and compute
something else (see `silent_miscompiles.py`). So every NPU stage is also run, on inputs of real speech.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import onnx

from android_test.coverage.graph_view import Array
from android_test.coverage.htp.blocks import blocks_of
from android_test.coverage.htp.htp_host import Compilation, CompileJob, compile_for
from export_onnx.graph.open_values import with_outputs
from export_onnx.proof.decibels import snr
from export_onnx.run.sessions import SessionSettings, cpu_session, run_session
from selector.package.golden import floor_for


@dataclass(frozen=True)
class Agreement:
    """How close the simulation comes to the CPU, per output of one file.

    Attributes:
        blocks: the same per residual block alone, on the values that it reads in the whole; they show where it fails.
        sha256: of the crop that ran, if it was one. Variants with the same crop share the run.
    """

    compilation: Compilation
    decibels: Mapping[str, float]
    floor: float
    blocks: Mapping[str, float] = field(default_factory=dict)
    sha256: str = ""

    @property
    def agrees(self) -> bool:
        """Whether it ran whole on the NPU and every output reaches the floor; without outputs nothing is proven."""
        enough = all(decibels >= self.floor for decibels in (*self.decibels.values(), *self.blocks.values()))
        return self.compilation.covered and bool(self.decibels) and enough


def simulate(model: onnx.ModelProto | Path, feed: Mapping[str, Array], job: CompileJob | None = None) -> Agreement:
    """Runs `model` on both and compares the outputs.

    Args:
        model: a file, or a model that holds its weights.
        feed: every input by name.
        job: chip and limits.

    Raises:
        CoverageError: the file does not exist.
    """
    job = job or CompileJob()
    if isinstance(model, onnx.ModelProto):
        with tempfile.TemporaryDirectory(prefix="simulate_") as folder:
            path = Path(folder) / "model.onnx"
            onnx.save(model, path)
            return simulate(path, feed, job)
    floor = floor_for(model.read_bytes())
    verdict, ours = compile_for(model, job, feed)
    if not ours:
        return Agreement(verdict, {}, floor)
    wanted = on_cpu(model, feed)
    return Agreement(verdict, {name: round(snr(wanted[name], ours[name]), 2) for name in wanted}, floor)


def simulate_blocks(model: onnx.ModelProto, feed: Mapping[str, Array], job: CompileJob) -> dict[str, float]:
    """Runs each residual block of a vocoder alone; gives dB by name, -200 if one does not run.

    Args:
        model: holds its weights and all shapes.
        feed: every input of the whole by name.
        job: chip and limits.
    """
    blocks = blocks_of(model)
    names = dict.fromkeys(name for block in blocks for name in block.inputs)
    with tempfile.TemporaryDirectory(prefix="blocks_") as folder:
        path = Path(folder) / "opened.onnx"
        onnx.save(with_outputs(model, names), path)
        inside = {**feed, **on_cpu(path, feed, tuple(name for name in names if name not in feed))}
    found = {}
    for block in blocks:
        alone = simulate(block.model, {name: inside[name] for name in block.inputs}, job)
        found[block.name] = min(alone.decibels.values(), default=-200.0)
    return found


def on_cpu(path: Path, feed: Mapping[str, Array], fetch: tuple[str, ...] = ()) -> dict[str, Array]:
    """The file's outputs on the CPU provider with optimizations off, so that Q and DQ are computed as written."""
    return run_session(cpu_session(path, SessionSettings(optimizations="none")), feed, fetch, str(path))
