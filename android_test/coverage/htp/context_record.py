"""What a context binary was made for, kept as JSON beside it: the binary itself runs on another chip without a word.

A context made for SM8650 loads in a session for SM8550, computes something, and says nothing about it. So every
context is recorded with its chips, its compiler, the compiler's options, and the graph and weights that it was made
from. One without a record, or with another chip, compiler or SDK in it, is refused before a session is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Final

import onnx
from pydantic import Field, ValidationError

from export_onnx.errors import CoverageError
from export_onnx.graph.shared_weights import WEIGHTS_FILE
from export_onnx.provenance import sha256
from selector.package.strict_schema import Sha256, StrictSchema

CONTEXT_OP: Final = "EPContext"
SDK: Final = "ep_sdk_version"  # the attribute of an EPContext node
WHEEL: Final = "onnxruntime-qnn"


class ContextRecord(StrictSchema):
    """What a context was made for, by what, and from what.

    Attributes:
        socs: the chips.
        compiler: the version of the wheel whose compiler made it.
        sdk: the version of Qualcomm's SDK, as the context itself states it.
        options: the provider's, chip numbers among them.
        graph: of the ONNX file that was compiled.
        weights: of the weights beside that file; empty where the file holds them itself.
    """

    socs: list[str]
    compiler: str
    sdk: str
    options: dict[str, str]
    graph: Sha256
    weights: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]


def record_file(context: Path) -> Path:
    """Where the record of a context lies."""
    return context.with_suffix(".json")


def compiler_version() -> str:
    """The compiler's, as its wheel is versioned; "none" where it is not installed."""
    try:
        return version(WHEEL)
    except PackageNotFoundError:
        return "none"


def write_record(context: Path, socs: Sequence[str], options: Mapping[str, str], source: Path) -> None:
    """Records a context that was just made.

    Args:
        options: under which the provider made it.
        source: the ONNX file that was compiled.
    """
    record = ContextRecord(
        socs=list(socs),
        compiler=compiler_version(),
        sdk=sdk_of(context),
        options=dict(options),
        graph=sha256(source),
        weights=weights_of(source),
    )
    record_file(context).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")


def weights_of(source: Path) -> str:
    """sha256 of the weights beside a model; empty where it holds them itself."""
    tensors = onnx.load(source, load_external_data=False).graph.initializer
    outside = any(tensor.external_data for tensor in tensors)
    return sha256(source.parent / WEIGHTS_FILE) if outside else ""


def sdk_of(context: Path) -> str:
    """The version of Qualcomm's SDK that an EPContext file states; empty where it states none."""
    nodes = onnx.load(context, load_external_data=False).graph.node
    said = [one.s.decode() for node in nodes for one in node.attribute if one.name == SDK]
    return said[0] if said else ""


def require_context(model: Path, socs: Sequence[str], source: Path) -> ContextRecord:
    """The record of a context that was made for all of `socs` by this compiler from the very file `source`.

    Raises:
        CoverageError: another chip, compiler, SDK, graph or weights, or no context.
    """
    reason = wrong_context(model, socs) if is_context(model) else "a model that is no context"
    if not reason:
        record = _read(model)
        if record.graph != sha256(source) or record.weights != weights_of(source):
            what = "graph" if record.graph != sha256(source) else "weights"
            reason = f"a context of another {what} than {source} has now"
        else:
            return record
    raise CoverageError(
        str(model),
        expected=f"a context for {', '.join(socs)} by the compiler {compiler_version()}, made from {source.name}",
        got=reason,
        todo="Run `make contexts` again, with the wheel of the SDK that the phone's libraries are of.",
    )


def wrong_context(model: Path, socs: Sequence[str]) -> str:
    """Why `model` cannot run on all of `socs`; empty where it can, or is no context.

    Args:
        model: an ONNX file; one with an EPContext node is a context.
    """
    if not is_context(model):
        return ""
    try:
        record = _read(model)
    except (OSError, UnicodeDecodeError, ValidationError):
        file = record_file(model)
        return f"a context without a record of its chip: {file} is missing or damaged. Make the context again"
    if strange := [soc for soc in socs if soc not in record.socs]:
        return f"a context for {', '.join(record.socs)}, not for {', '.join(strange)}"
    if record.compiler != compiler_version():
        return f"a context of the compiler {record.compiler}, and {compiler_version()} is installed. Make it again"
    if record.sdk != sdk_of(model):
        return f"a context of Qualcomm's SDK {sdk_of(model)}, recorded as of {record.sdk}"
    return ""


def _read(model: Path) -> ContextRecord:
    return ContextRecord.model_validate_json(record_file(model).read_text(encoding="utf-8"))


def is_context(model: Path) -> bool:
    """Whether a file holds an EPContext node; a file that cannot be read as ONNX holds none."""
    try:
        nodes = onnx.load(model, load_external_data=False).graph.node
    except Exception:  # protobuf and onnx raise half a dozen kinds; the compiler says what is wrong with the file
        return False
    return any(node.op_type == CONTEXT_OP for node in nodes)
