"""The base of every JSON schema between steps: unknown keys and wrong types are refused."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    bad = path.startswith("/") or "\\" in path or ":" in path or "\0" in path
    if not path or bad or ".." in parts or str(PurePosixPath(path)) != path:
        raise ValueError("a path must stay inside the package")
    return path


RelativePath = Annotated[str, AfterValidator(_inside)]


class StrictSchema(BaseModel):
    """A frozen value without unknown keys, missing keys or conversions between types."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def dumps(value: Any) -> str:
    """A value as JSON in this project's form: the same value gives the same bytes."""
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n"


def first_problem(error: ValidationError) -> tuple[str, str]:
    """The place where a document first breaks its schema (keys joined by dots), and the reason."""
    first = error.errors()[0]
    return ".".join(map(str, first["loc"])) or "the whole", f"{first['msg']} ({error.error_count()} in all)"
