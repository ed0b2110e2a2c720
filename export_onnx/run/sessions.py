"""One way to open a model on this computer's CPU provider, and to run it on tensors by name.

Files may be links, as in a hub's cache. ONNX Runtime refuses weights outside the model's real folder, so such weights
are read here and passed in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from export_onnx.errors import ContractError
from export_onnx.graph.shared_weights import WEIGHTS_FILE

LEVELS: Final = {
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
SHRINK: Final = ("memory.enable_memory_arena_shrinkage", "cpu:0")
ERRORS_ONLY: Final = 3  # ONNX Runtime's log severity


@dataclass(frozen=True)
class SessionSettings:
    """The settings of a session. The defaults are ONNX Runtime's own.

    Attributes:
        threads: inside one operator; 0 is one per core.
        optimizations: of the graph; with `none` the session computes every Q and DQ as the file has it.
        arena: whether the session keeps the memory of a run for the next one, or frees it.
        entries: ONNX Runtime's session configuration, by key.
        optimized: the file into which the session writes its optimized graph; None writes none.
        libraries: of custom operators, such as the one that `quantize/ops` builds.
    """

    threads: int = 0
    optimizations: Literal["all", "basic", "none"] = "all"
    arena: bool = True
    entries: Mapping[str, str] = field(default_factory=dict)
    optimized: Path | None = None
    libraries: tuple[Path, ...] = ()


DEFAULT: Final = SessionSettings()


def cpu_session(model: Path | onnx.ModelProto, settings: SessionSettings = DEFAULT) -> ort.InferenceSession:
    """A session of ONNX Runtime's CPU provider that logs errors only.

    Args:
        model: a file, or a model that holds its weights.

    Raises:
        ContractError: the file is missing, or ONNX Runtime does not load the model or a library of the settings.
    """
    options = ort.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.intra_op_num_threads = settings.threads
    options.graph_optimization_level = LEVELS[settings.optimizations]
    options.enable_cpu_mem_arena = settings.arena
    for key, value in settings.entries.items():
        options.add_session_config_entry(key, value)
    if settings.optimized:
        options.optimized_model_filepath = str(settings.optimized)
    try:
        for library in settings.libraries:
            options.register_custom_ops_library(str(library))
        source = str(model) if isinstance(model, Path) else model.SerializeToString()
        linked = _linked_weights(model) if isinstance(model, Path) else None
        if linked is not None:  # held here until the session has copied them
            options.add_external_initializers_from_files_in_memory([WEIGHTS_FILE], [linked], [len(linked)])
        return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises its own kinds, none of them exported
        raise ContractError(
            str(model) if isinstance(model, Path) else f"model {model.graph.name} in memory",
            expected="a model that ONNX Runtime loads",
            got=str(error)[:200],
            todo="Make the file again, or get the package again.",
        ) from error


def _linked_weights(path: Path) -> bytes | None:
    """The weights beside the model, if they are a link into another folder than the model's own; else None."""
    weights = path.parent / WEIGHTS_FILE
    elsewhere = weights.is_symlink() and weights.resolve().parent != path.resolve().parent
    return weights.read_bytes() if elsewhere else None


def run_session(
    session: ort.InferenceSession,
    values: Mapping[str, NDArray[Any]],
    names: Sequence[str] = (),
    where: str = "model",
    shrink: bool = False,
) -> dict[str, NDArray[Any]]:
    """The session's outputs by name.

    Args:
        values: have every input of the session by name; others are ignored.
        names: of the outputs to compute; all by default.
        where: names the model in an error.
        shrink: whether the session gives its memory back after the run. Otherwise it keeps what its runs needed, which
            for texts of many lengths is the sum of ill-fitting blocks.

    Raises:
        ContractError: an input is missing, or the runtime refuses the tensors.
    """
    wanted = list(names) or [port.name for port in session.get_outputs()]
    inputs = [port.name for port in session.get_inputs()]
    try:
        options = ort.RunOptions()
        if shrink:
            options.add_run_config_entry(*SHRINK)
        arrays = session.run(wanted, {name: values[name] for name in inputs if name in values}, options)
    except Exception as error:  # as above; a missing input is a ValueError
        raise ContractError(
            where,
            expected=f"the inputs {', '.join(inputs)} in the model's types and shapes",
            got=str(error)[:200],
            todo="Make the model again with this version, or pass what it takes.",
        ) from error
    return dict(zip(wanted, arrays, strict=True))
