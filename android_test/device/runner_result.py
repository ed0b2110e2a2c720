"""The runner's answer: one line of JSON behind the word RESULT, as `runner/result.hpp` writes it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from selector.package.receipt_schema import Assigned, FiniteSchema, ListedDevice, Milliseconds
from selector.package.strict_schema import Count, Positive, first_problem

MARK: Final = "RESULT "


class WrittenOutput(FiniteSchema):
    """A file that the runner wrote: raw little-endian numbers."""

    name: str
    dtype: Literal["float32", "int32"]
    shape: list[Positive]
    file: str


class RunnerResult(FiniteSchema):
    """One job's answer. Times in ms, memory in kB.

    Attributes:
        phase: how far it came.
        second_load_ms: None where the job asked for one load.
        hardware: the devices of a plugin provider; NNAPI's stand in the log.
    """

    outcome: Literal["finished", "refused"]
    phase: str
    reason: str
    onnxruntime: str
    provider: str
    optimization: str
    session: dict[str, str]
    options: dict[str, str]
    flags: Count
    assignment_known: bool
    assignment: list[Assigned]
    hardware: list[ListedDevice]
    load_ms: Milliseconds
    second_load_ms: Milliseconds | None = None
    first_run_ms: Milliseconds
    runs_ms: list[Annotated[float, Field(gt=0)]]
    peak_kb: Count
    outputs: list[WrittenOutput]


def read_result(lines: list[str]) -> tuple[RunnerResult | None, str]:
    """The last answer in what a process printed, and what is wrong where there is none.

    What else prints to standard output must not be taken for the runner, so an answer that breaks the schema is none.
    """
    for line in reversed(lines):
        if line.startswith(MARK):
            try:
                return RunnerResult.model_validate_json(line.removeprefix(MARK)), ""
            except ValidationError as error:
                return None, f"with a result that breaks its schema: {': '.join(first_problem(error))}"
    return None, "without a result"
