"""The chips of a context binary, kept as JSON beside it: the binary itself runs on another chip without a word.

A context made for SM8650 loads in a session for SM8550, computes something, and says nothing about it. So every
context is recorded with its chips and its compiler, and one without a record, or with another chip or compiler in it,
is refused before a session is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import onnx
from pydantic import ValidationError

from selector.package.strict_schema import StrictSchema

CONTEXT_OP: Final = "EPContext"
WHEEL: Final = "onnxruntime-qnn"


class ContextRecord(StrictSchema):
    """What a context was made for (`socs`), and the version of the wheel whose compiler made it."""

    socs: list[str]
    compiler: str


def record_file(context: Path) -> Path:
    """Where the record of a context lies."""
    return context.with_suffix(".json")


def compiler_version() -> str:
    """The compiler's, as its wheel is versioned; "none" where it is not installed."""
    try:
        return version(WHEEL)
    except PackageNotFoundError:
        return "none"


def write_record(context: Path, socs: Sequence[str]) -> None:
    """Names the chips of a context that was just made."""
    record = ContextRecord(socs=list(socs), compiler=compiler_version())
    record_file(context).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")


def wrong_context(model: Path, socs: Sequence[str]) -> str:
    """Why `model` cannot run on all of `socs`; empty where it can, or is no context.

    Args:
        model: an ONNX file; one with an EPContext node is a context.
    """
    if not is_context(model):
        return ""
    file = record_file(model)
    try:
        record = ContextRecord.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return f"a context without a record of its chip: {file} is missing or damaged. Make the context again"
    if strange := [soc for soc in socs if soc not in record.socs]:
        return f"a context for {', '.join(record.socs)}, not for {', '.join(strange)}"
    if record.compiler != compiler_version():
        return f"a context of the compiler {record.compiler}, and {compiler_version()} is installed. Make it again"
    return ""


def is_context(model: Path) -> bool:
    """Whether a file holds an EPContext node; a file that cannot be read as ONNX holds none."""
    try:
        nodes = onnx.load(model, load_external_data=False).graph.node
    except Exception:  # protobuf and onnx raise half a dozen kinds; the compiler says what is wrong with the file
        return False
    return any(node.op_type == CONTEXT_OP for node in nodes)
