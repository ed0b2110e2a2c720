"""With which provider and options a stage is run on a device, and the libraries it takes there."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from android_test.coverage.htp.htp_host import SOCS
from export_onnx.errors import DeviceError
from selector.package.manifest import Manifest, ProviderOptions, StageContract
from selector.package.receipt_schema import ProviderName

SHORT: Final[dict[str, ProviderName]] = {
    "CPUExecutionProvider": "cpu",
    "NnapiExecutionProvider": "nnapi",
    "QNNExecutionProvider": "qnn",
}
RECORD: Final = {"session.record_ep_graph_assignment_info": "1"}
QNN_PLUGIN: Final = "libonnxruntime_providers_qnn.so"
QNN_BACKEND: Final = "libQnnHtp.so"
# The simulation has to be told a chip; a phone knows its own.
SIMULATED: Final = SOCS["SM8550"]


@dataclass(frozen=True)
class Session:
    """How one session is made.

    Attributes:
        plugin: a provider's library on the device; empty: built in.
        operators: a library of operators on the device; empty: the model needs none.
    """

    provider: ProviderName
    optimization: str
    session: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    plugin: str = ""
    operators: str = ""


def session_of(
    options: ProviderOptions, libraries: frozenset[str], folder: str, machine: str, chip: str = ""
) -> Session:
    """The session that a manifest's provider asks for, on a device whose folder holds `libraries`.

    Args:
        folder: on the device, absolute: libraries of providers are opened by whole path.
        machine: of the device; on x86 QNN is simulated.
        chip: that the simulation is told; by default `SIMULATED`.

    Raises:
        DeviceError: the runner does not know the provider.
    """
    if options.name not in SHORT:
        raise DeviceError(
            "provider", expected=" | ".join(SHORT), got=options.name, todo="Get a kokoro-npu as new as the package."
        )
    name = SHORT[options.name]
    session, given, plugin = dict(options.session) | RECORD, dict(options.options), ""
    if name == "qnn":
        given |= {"htp_performance_mode": "burst"}
        if QNN_PLUGIN in libraries:
            plugin = f"{folder}/{QNN_PLUGIN}"
        if QNN_BACKEND in libraries:  # in place of backend_type, which looks for it elsewhere
            given.pop("backend_type", None)
            given["backend_path"] = f"{folder}/{QNN_BACKEND}"
        if machine == "x86_64":
            told = SOCS[chip] if chip else SIMULATED
            given |= {"soc_model": str(told.model), "htp_arch": str(told.arch)}
    return Session(name, options.optimization, session, given, plugin)


def provider_of(manifest: Manifest, stage: StageContract) -> ProviderOptions:
    """What the manifest says for a stage."""
    return manifest.providers[stage.runs_on]


def libraries(folder: Path) -> dict[str, Path]:
    """Every shared library in `folder`, and the runner: what lies beside the models on the device.

    Raises:
        DeviceError: no runner or no ONNX Runtime there.
    """
    found = {file.name: file for file in sorted(folder.glob("*.so*")) if file.is_file()}
    runner = folder / "runner"
    if not runner.is_file() or not any(name.startswith("libonnxruntime.so") for name in found):
        raise DeviceError(
            str(folder),
            expected="the runner and libonnxruntime.so",
            got=", ".join(sorted(p.name for p in folder.glob("*"))) or "nothing",
            todo="`make runner-android NDK=… ORT_ANDROID=…`, see android_test/runner/README.md (here: runner-linux).",
        )
    return found | {"runner": runner}
