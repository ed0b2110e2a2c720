"""The one error family. Every message states where, what was expected, what was found, and what to do.

PipelineError
├── WeightsError    a checkpoint, config or voice is not what it claims to be
│   └── UnreachableError    the place that the weights would come from does not answer
├── TextError       text or phonemes that cannot become ids
├── ContractError   a graph or tensor does not keep the shapes and types of `contracts.py`
├── ParityError     a result is further from its reference than its floor allows
├── CoverageError   an NPU stage holds a node that the NPU does not take
├── PackageError    a package is incomplete, changed, or cannot be written
└── DeviceError     a phone, emulator or adb did not do its part
"""

from __future__ import annotations


class PipelineError(Exception):
    """The base of the family. It carries the four facts separately, so that programs can read them."""

    def __init__(self, where: str, *, expected: str, got: str, todo: str) -> None:
        super().__init__(f"{where}: expected {expected}, got {got}. {todo}")
        self.where = where
        self.expected = expected
        self.got = got
        self.todo = todo


class WeightsError(PipelineError):
    """A checkpoint, config or voice is not what it claims to be."""


class UnreachableError(WeightsError):
    """The place that the weights would come from does not answer. `WEIGHTS=auto` then tries the next source."""


class TextError(PipelineError):
    """Text or phonemes that cannot become ids."""


class ContractError(PipelineError):
    """A graph or tensor does not keep the shapes and types of `contracts.py`."""


class ParityError(PipelineError):
    """A result is further from its reference than its floor allows."""


class CoverageError(PipelineError):
    """An NPU stage holds a node that the NPU does not take."""


class PackageError(PipelineError):
    """A package is incomplete, changed, or cannot be written."""


class DeviceError(PipelineError):
    """A phone, emulator or adb did not do its part."""
