"""The base of every JSON schema between steps: unknown keys and wrong types are refused."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


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
