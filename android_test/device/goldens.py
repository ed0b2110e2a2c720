"""What every stage should give for the package's golden sentence: made here, on the CPU, from the package's own files.

Each file is run as written (no optimizations), so that a difference on the device is the device's.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from export_onnx.errors import PackageError
from export_onnx.proof.decibels import CEILING, snr, snr_polar
from export_onnx.run import text
from export_onnx.run.chain import DURATIONS, FROM_SOURCE
from export_onnx.run.padding import Tensors, noise, text_inputs
from export_onnx.run.sessions import SessionSettings
from selector.choose.length import PADS
from selector.package.manifest import BucketContract, PortContract, StageContract
from selector.package.opened import Package
from selector.speak.synthesize import package_chain

AS_WRITTEN: Final = SessionSettings(optimizations="none")
DTYPES: Final = {"float32": np.dtype("<f4"), "int32": np.dtype("<i4")}


@dataclass(frozen=True)
class Goldens:
    """One bucket's tensors by contract name, each also a file of raw numbers.

    Attributes:
        bucket: if it is dynamic, at the sentence's own lengths.
    """

    bucket: BucketContract
    folder: Path
    tensors: Tensors

    def file(self, name: str) -> Path:
        """Raw little-endian numbers of one tensor."""
        return self.folder / f"{name}.bin"

    @property
    def seconds(self) -> float:
        """Of real sound in the waveform."""
        return int(self.tensors["n_frames"][0]) * self.bucket.seconds / self.bucket.frames


def shape_of(port: PortContract, bucket: BucketContract) -> tuple[int, ...]:
    """In numbers."""
    return tuple(bucket.sizes[size] if isinstance(size, str) else size for size in port.shape)


def make_goldens(
    package: Package, bucket: BucketContract, cache: Path, plain: Mapping[str, Path] | None = None
) -> Goldens:
    """The golden sentence through every stage at one bucket; kept in `cache`, a folder of this package alone.

    Args:
        plain: by stage, absolute paths of the graphs that are run instead of the package's contexts.

    Raises:
        PackageError: the golden sentence does not fit the bucket.
    """
    ports = {p.name: p for stage in package.manifest.stages for p in (*stage.inputs, *stage.outputs)}
    folder = cache / bucket.name
    if not folder.is_dir():
        half = folder.with_name(f".{folder.name}")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        models = bucket.models | {stage: str(file) for stage, file in (plain or {}).items()}
        chain = package_chain(package.folder, bucket.model_copy(update={"models": models}), AS_WRITTEN)
        tensors = chain.run_stages(DURATIONS, first_inputs(package, bucket))
        frames = int(tensors["frames_per_token"].sum())
        fits(package, bucket, frames)
        tensors["noise"] = noise(bucket, package.manifest.golden.seed, frames)
        tensors = chain.run_stages(("prosody", *FROM_SOURCE), tensors)
        for name, port in ports.items():
            (half / f"{name}.bin").write_bytes(tensors[name].astype(DTYPES[port.dtype]).tobytes())
        half.rename(folder)
    flat = {n: np.fromfile(folder / f"{n}.bin", DTYPES[p.dtype]) for n, p in ports.items()}
    at = bucket.holding(len(flat["ids"]), int(flat["n_frames"][0]))
    return Goldens(at, folder, {name: flat[name].reshape(shape_of(port, at)) for name, port in ports.items()})


def first_inputs(package: Package, bucket: BucketContract) -> Tensors:
    """What no stage gives: ids, masks, styles, speed. Noise waits for the number of frames."""
    golden = package.manifest.golden
    ids = text.encode(golden.phonemes, package.manifest.vocabulary).ids
    n = len(ids)
    if n > bucket.tokens:
        raise _misfit(package, bucket, f"{n} tokens")
    style = package.voice(golden.voice)[n - PADS - 1 : n - PADS]  # a row per phoneme count, without pads
    return text_inputs(ids, style, golden.speed, bucket)


def fits(package: Package, bucket: BucketContract, frames: int) -> None:
    """Refuses a sentence longer than the bucket."""
    if not 0 < frames <= bucket.frames:
        raise _misfit(package, bucket, f"{frames} frames")


def _misfit(package: Package, bucket: BucketContract, got: str) -> PackageError:
    return PackageError(
        f"golden sentence of {package.folder.name}",
        expected=f"at most {bucket.tokens} tokens and {bucket.frames} frames",
        got=got,
        todo="Choose a shorter one in selector/package/golden.py, and make the package again.",
    )


def compare_goldens(stage: StageContract, wanted: Tensors, got: Tensors, names: Sequence[str] = ()) -> dict[str, float]:
    """dB by output. Whole numbers are equal (200) or not (-200); magnitudes and phases count as complex numbers.

    Args:
        names: of the outputs to compare; empty for all.
    """
    decibels = {}
    for port in (one for one in stage.outputs if not names or one.name in names):
        ours, theirs = wanted[port.name], got.get(port.name)
        if theirs is None or theirs.shape != ours.shape:
            decibels[port.name] = -CEILING
        elif port.dtype == "int32":
            decibels[port.name] = CEILING if np.array_equal(ours, theirs) else -CEILING
        else:
            decibels[port.name] = round((snr_polar if port.name == "har" else snr)(ours, theirs), 2)
    return decibels
