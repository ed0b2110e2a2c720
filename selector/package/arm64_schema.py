"""What `android_test arm64` found: a package's CPU stages on emulated ARM64 processors. The only schema of its report.

It shows that ONNX Runtime's ARM64 kernels compute what the x86 ones do. It says nothing of speed, nor of an NPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from export_onnx.errors import PackageError
from export_onnx.graph.shared_weights import WEIGHTS_FILE
from export_onnx.proof.decibels import CEILING
from export_onnx.provenance import REPORT, sha256
from selector.package.providers import Target
from selector.package.receipt_schema import Decibels, FiniteSchema, RunOutcome
from selector.package.strict_schema import Sha256, first_problem

ARM64_FOLDER: Final = Path("android_test", "arm64")  # in the build
ARM64_LEVEL: Final = "arm64 (emulated)"
# cortex-a53: no dot products; cortex-a76: dot products; max: all that qemu knows, i8mm and SVE among it. ONNX Runtime
# chooses its kernels by these.
Processor = Literal["cortex-a53", "cortex-a76", "max"]


class EmulatedRun(FiniteSchema):
    """One stage on one processor: how it ended, and dB by output against this computer's run.

    `path` is the path of the library of fused operators that was forced; empty where the library chose it.
    """

    processor: Processor
    path: str = ""
    outcome: RunOutcome
    reason: str
    decibels: dict[str, Decibels]


class EmulatedStage(FiniteSchema):
    """One stage at the smallest bucket. A fused model is compared with this computer's run of the stock one.

    Attributes:
        file, sha256: the model's name and digest; `weights` is the digest of the weights beside it.
        floor: dB that every output has to reach; the package's own.
        outputs: names of all outputs of the stage.
    """

    stage: str
    bucket: str
    file: str
    sha256: Sha256
    weights: Sha256
    floor: Annotated[float, Field(gt=0)]
    outputs: Annotated[tuple[str, ...], Field(min_length=1)]
    runs: Annotated[tuple[EmulatedRun, ...], Field(min_length=1)]

    def misses(self) -> list[str]:
        """Every processor on which the stage failed or an output is below the floor; empty where all agree."""
        found = []
        for run in self.runs:
            where = f"{self.stage} on {run.processor}" + (f", path {run.path}" if run.path else "")
            if run.outcome != "finished":
                found.append(f"{where}: {run.outcome}: {run.reason}")
            for name in self.outputs if run.outcome == "finished" else ():
                if not (got := run.decibels.get(name, -CEILING)) >= self.floor:
                    found.append(f"{where}: {name} at {got:g} dB, floor {self.floor:g}")
        return found


class Arm64Report(FiniteSchema):
    """One run of the step.

    Attributes:
        targets: stages with stock operators, by target.
        fused: stages with fused ones, by target; empty where a package has no library for this processor.
    """

    qemu: str
    onnxruntime: str
    targets: dict[Target, Annotated[tuple[EmulatedStage, ...], Field(min_length=1)]]
    fused: dict[Target, Annotated[tuple[EmulatedStage, ...], Field(min_length=1)]] = Field(default_factory=dict)

    def named_stages(self) -> list[tuple[str, EmulatedStage]]:
        """Every stage with its target's name, the fused ones behind the others as `<target> fused`."""
        fused = ((f"{target} fused", one) for target, stages in self.fused.items() for one in stages)
        return [*((target, one) for target, stages in self.targets.items() for one in stages), *fused]

    def misses(self) -> list[str]:
        """Of all stages of all targets, each with its target's name before it."""
        return [f"{name}: {miss}" for name, one in self.named_stages() for miss in one.misses()]


def read_arm64(build: Path, target: str, models: Path, stages: Sequence[str]) -> tuple[EmulatedStage, ...]:
    """What the last run found about a target's very files; empty where it did not look at them.

    Args:
        models: the folder of the target's models and weights.
        stages: those that the target runs on the CPU; a run that left one out does not count.

    Raises:
        PackageError: the report breaks its schema.
    """
    file = build / ARM64_FOLDER / REPORT
    if not file.is_file():
        return ()
    try:
        report = Arm64Report.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        place, got = first_problem(error) if isinstance(error, ValidationError) else ("the whole", str(error)[:120])
        raise PackageError(
            f"{file}, {place}",
            expected="a report as this release writes it",
            got=got,
            todo="Run `python -m android_test arm64` again.",
        ) from error
    found = next((found for name, found in report.targets.items() if name == target), ())
    names = (WEIGHTS_FILE, *(one.file for one in found))
    digests = {name: sha256(models / name) for name in names if (models / name).is_file()}
    same = all((digests.get(one.file), digests.get(WEIGHTS_FILE)) == (one.sha256, one.weights) for one in found)
    return found if same and {one.stage for one in found} >= set(stages) else ()
