"""A package of contexts before it goes to a phone: whether the phone may load it, and the plain graphs behind it.

Only its chip's NPU runs a context. What a stage should give, and how long the phone's CPU takes for it, is therefore
measured with the graph that the context was made from. It lies in the build, and the context's record names its hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from android_test.contexts.context_graphs import graph_file
from android_test.coverage.htp.context_record import require_context
from android_test.device.device_facts import DeviceFacts
from android_test.device.device_session import QNN_BACKEND
from export_onnx.errors import DeviceError
from selector.package.context_schema import is_chip
from selector.package.manifest import Manifest
from selector.package.opened import Package

SIMULATES: Final = "x86_64"  # a computer's machine, whose simulation is told the chip
BLOCK: Final = 1 << 20  # bytes that are searched at a time


def plain_graphs(package: Package, build: Path) -> dict[str, dict[str, Path]]:
    """The graphs that the package's contexts were made from: by bucket, by stage. Empty without contexts.

    Args:
        build: the folder of the build that made the contexts.

    Raises:
        DeviceError: the build lacks a graph.
        CoverageError: a context is of another chip, compiler or SDK than the manifest says, or of other graphs or
            weights than the build has.
    """
    contexts = package.manifest.contexts
    if contexts is None:
        return {}
    found: dict[str, dict[str, Path]] = {}
    for bucket in package.manifest.buckets:
        for stage in (one.name for one in package.manifest.stages if one.runs_on == "npu"):
            source = graph_file(build, stage, bucket.name)
            if not source.is_file():
                raise DeviceError(
                    str(source),
                    expected=f"the graph that the context of {stage} {bucket.name} was made from",
                    got="nothing",
                    todo="Verify on the computer that made the contexts, or name its build with BUILD=…",
                )
            require_context(package.folder / bucket.models[stage], (contexts.chip,), source)
            found.setdefault(bucket.name, {})[stage] = source.resolve()
    return found


def refuse_other_chip(manifest: Manifest, facts: DeviceFacts) -> None:
    """That the device has the chip of the contexts; Qualcomm's runtime itself may run those of another, and be wrong.

    A computer has no such chip, and is told which one to simulate.

    Raises:
        DeviceError: another chip, or one that the device does not name.
    """
    if manifest.contexts is None or facts.machine == SIMULATES:
        return
    chip, soc = manifest.contexts.chip, facts.device().soc
    if not is_chip(soc, chip):
        raise DeviceError(
            manifest.package,
            expected=f"a device with the chip {chip}",
            got=soc or "a device that does not name its chip",
            todo=f'Use TARGET=qnn-{soc.lower()}, which `make contexts SOCS="{soc}"` makes.'
            if soc
            else "Use TARGET=qnn.",
        )


def refuse_other_sdk(manifest: Manifest, parts: Mapping[str, Path]) -> None:
    """That Qualcomm's library beside the runner is of the SDK that made the contexts; the library contains its version.

    Raises:
        DeviceError: there is none, or it is of another version.
    """
    if manifest.contexts is None:
        return
    sdk, library = manifest.contexts.sdk, parts.get(QNN_BACKEND)
    if library is None or not _contains(library, sdk.encode()):
        raise DeviceError(
            str(library or QNN_BACKEND),
            expected=f"Qualcomm's SDK {sdk}, which made the contexts",
            got="another version" if library else "no such library beside the runner",
            todo="Take the libraries of that SDK, or make the contexts with the wheel of yours.",
        )


def _contains(file: Path, text: bytes) -> bool:
    """Whether a file has the bytes of `text` somewhere."""
    tail = b""
    with file.open("rb") as stream:
        while block := stream.read(BLOCK):
            if text in tail + block:
                return True
            tail = block[-len(text) :]
    return False


def context_binaries(manifest: Manifest) -> list[str]:
    """The files in the package that EPContext models name, by path."""
    if manifest.contexts is None:
        return []
    folders = {model.rpartition("/")[0] for bucket in manifest.buckets for model in bucket.models.values()}
    return sorted(name for name in manifest.files if name.rpartition("/")[0] in folders and name.endswith(".bin"))
