"""The proofs of the coverage step (`android_test coverage` writes them), and the processor of each stage that follows.

`CoverageReport` is the only schema of `build/android_test/coverage/report.json`. `ProvenCoverage` is its part about one
target's files, which the manifest contains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import Field, ValidationError, model_validator

from export_onnx.contracts import NPU_STAGES
from export_onnx.errors import PackageError
from export_onnx.graph.shared_weights import WEIGHTS_FILE
from export_onnx.provenance import REPORT, sha256, signature
from selector.package.providers import NPU, NpuTarget
from selector.package.strict_schema import Count, Positive, Sha256, Share, StrictSchema, first_problem
from selector.package.verdict_schema import ChipCompilation, RuleFindings, SimulatedRun

REPORT_FOLDER: Final = Path("android_test", "coverage")
Level = Literal["rules", "compiled", "simulated"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
OWNER: Final[dict[str, str]] = {"nnapi": "NNAPI", "qnn": "Qualcomm HTP"}  # whose rules, compiler, simulation
# Per target, the levels that can be tried on a computer: NNAPI's compilers are the drivers of phones.
TRIED_HERE: Final[dict[str, tuple[Level, ...]]] = {"nnapi": ("rules",), "qnn": LEVELS}
ONLY_ON_A_PHONE: Final = "compiled: only on a phone"


class CoveredVariant(StrictSchema):
    """One file (an NPU stage at one bucket for one target), and what was proven about it."""

    target: NpuTarget
    stage: str
    bucket: str
    file: str
    sha256: Sha256
    multiply_adds: Count
    proven: tuple[Level, ...]
    rules: RuleFindings
    lost_by_basic_optimizations: tuple[str, ...]
    compiled: tuple[ChipCompilation, ...]
    simulated: SimulatedRun | None

    @model_validator(mode="after")
    def _nothing_more_than_proven(self) -> CoveredVariant:
        if (self.compiled or self.simulated) and self.target != "qnn":
            raise ValueError(f"Qualcomm's compiler proves nothing about files for {OWNER[self.target]}")
        simulated = self.simulated is not None and self.simulated.agrees
        follows = proven_levels(self.rules.covered, [one.covered for one in self.compiled], simulated)
        if self.proven != follows:
            raise ValueError(f"the verdicts prove {list(follows)}, not {list(self.proven)}")
        if self.file != f"{self.stage}_{self.bucket}.onnx":
            raise ValueError(f"{self.file} is not the file of {self.stage} at {self.bucket}")
        return self


class CoverageReport(StrictSchema):
    """One run of the coverage step.

    `stages` are those that were asked for; `required` is the level that was asked for, and `passed` says whether every
    variant reached it, or the highest level that can be tried here for its target, see `asked_of`. `providers` holds
    the execution provider with its options per target, as they were when the verdicts were made. Shares and
    multiply-adds are by target and bucket, the latter also by stage of the whole chain. `signature` is one digest of
    everything that the report depends on, except for the level. `weights` has the digest of each target's weights,
    which lie in a file beside the graphs.
    """

    stages: Annotated[tuple[str, ...], Field(min_length=1)]
    required: Level
    passed: bool
    levels: tuple[Level, ...]
    feature_level: Positive
    socs: tuple[str, ...]
    conditions: tuple[str, ...]
    providers: dict[NpuTarget, dict[str, Any]]
    share_of_multiply_adds_on_npu: dict[NpuTarget, dict[str, Share]]
    multiply_adds: dict[NpuTarget, dict[str, dict[str, Count]]]
    variants: tuple[CoveredVariant, ...]
    versions: dict[str, str]
    signature: Sha256
    weights: dict[NpuTarget, Sha256]

    @model_validator(mode="after")
    def _consistent(self) -> CoverageReport:
        names = [(one.target, one.stage, one.bucket) for one in self.variants]
        if len(set(names)) < len(names):
            raise ValueError("a variant stands there twice")
        if strange := {stage for _, stage, _ in names} - set(self.stages):
            raise ValueError(f"variants of stages that nobody asked for: {sorted(strange)}")
        if self.passed != (bool(names) and all(asked_of(v.target, self.required) in v.proven for v in self.variants)):
            raise ValueError("`passed` does not follow from the variants")
        chains = {(target, bucket) for target, _, bucket in names}
        for counted in (self.share_of_multiply_adds_on_npu, self.multiply_adds):
            if chains != {(target, bucket) for target, buckets in counted.items() for bucket in buckets}:
                raise ValueError("multiply-adds and their shares must be given for the variants' targets and buckets")
        return self


class ProvenCoverage(StrictSchema):
    """What was proven about the files of one target: `proven` by stage and bucket, the shares by bucket."""

    proven: dict[str, dict[str, tuple[Level, ...]]]
    share_of_multiply_adds_on_npu: dict[str, Share]
    required: Level
    feature_level: Positive
    socs: tuple[str, ...]
    conditions: tuple[str, ...]
    versions: dict[str, str]


def asked_of(target: str, required: Level) -> Level:
    """The level asked of one target in a run that asks for `required`: no higher than can be tried on a computer."""
    return required if required in TRIED_HERE[target] else TRIED_HERE[target][-1]


def level_name(level: Level, target: str) -> str:
    """A level for people, with whose it is: `rules (NNAPI)`, `compiled (Qualcomm HTP)`."""
    return f"{level} ({OWNER[target]})" if target in OWNER else level


def levels_in_words(proven: Sequence[Level] | None, target: str) -> tuple[str, ...]:
    """What a reader is told of one file: each proven level with its owner, then what only a phone can tell.

    Args:
        proven: None where the coverage step did not look at the file.
    """
    if proven is None:
        return ("not looked at",)
    further = (ONLY_ON_A_PHONE,) if proven and target == "nnapi" else ()
    return (*(level_name(level, target) for level in proven), *further) or ("nothing proven",)


def proven_levels(rules: bool, compiled: Sequence[bool], simulated: bool) -> tuple[Level, ...]:
    """The levels that verdicts prove: each one counts only together with all levels below it.

    Args:
        rules: whether the provider takes the whole graph by its rules.
        compiled: whether the compiler takes it, per chip; empty if nothing was compiled.
        simulated: whether the simulation agrees with the CPU.
    """
    verdicts = (rules, bool(compiled) and all(compiled), simulated)
    return LEVELS[: next((number for number, holds in enumerate(verdicts) if not holds), len(LEVELS))]


def read_coverage_report(build: Path) -> CoverageReport | None:
    """Reads the report of the last run of the coverage step; None if the step has not run.

    Args:
        build: has `android_test/coverage/report.json`.

    Raises:
        PackageError: the file cannot be read, or breaks the schema.
    """
    file = build / REPORT_FOLDER / REPORT
    if not file.is_file():
        return None
    try:
        return CoverageReport.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        place, got = first_problem(error) if isinstance(error, ValidationError) else ("the whole", str(error)[:120])
        raise PackageError(
            f"{file}, {place}",
            expected="a coverage report as this release writes it",
            got=got,
            todo="Run `python -m android_test coverage` again.",
        ) from error


def read_coverage(build: Path, target: str, models: Path, buckets: Sequence[str] = ()) -> ProvenCoverage | None:
    """What was proven about a target's files; None where nothing was measured for these very files, or where it was
    measured under other provider options than the manifest names.

    Args:
        build: as in `read_coverage_report`.
        models: the folder of the target's models; a report about files of other bytes does not count.
        buckets: names that the report must cover if it covers the target at all.

    Raises:
        PackageError: the report breaks its schema, or the step looked at only some of the NPU stages or buckets.
    """
    report = read_coverage_report(build)
    variants = [variant for variant in report.variants if variant.target == target] if report else []
    if report is None or not variants:
        return None
    looked_at = list(dict.fromkeys(variant.bucket for variant in variants))
    _check_unrestricted(build, "stages", NPU_STAGES, report.stages)
    _check_unrestricted(build, "buckets", buckets, looked_at)
    if any(not (models / one.file).is_file() or sha256(models / one.file) != one.sha256 for one in variants):
        return None
    name = variants[0].target
    if not (models / WEIGHTS_FILE).is_file() or sha256(models / WEIGHTS_FILE) != report.weights.get(name):
        return None
    if report.providers.get(name) != asdict(NPU[name]):
        return None
    proven: dict[str, dict[str, tuple[Level, ...]]] = {}
    for variant in variants:
        proven.setdefault(variant.stage, {})[variant.bucket] = variant.proven
    return ProvenCoverage(
        proven=proven,
        share_of_multiply_adds_on_npu=report.share_of_multiply_adds_on_npu[name],
        required=asked_of(name, report.required),
        feature_level=report.feature_level,
        socs=report.socs,
        conditions=report.conditions,
        versions=report.versions,
    )


def _check_unrestricted(build: Path, kind: str, wanted: Sequence[str], there: Sequence[str]) -> None:
    if missing := [name for name in wanted if name not in there]:
        raise PackageError(
            str(build / REPORT_FOLDER),
            expected=f"{kind} {', '.join(missing)}",
            got=f"a run restricted to {', '.join(there)}",
            todo=f"Run `python -m android_test coverage` with more --{kind}.",
        )


def coverage_signature(coverage: ProvenCoverage | None) -> str:
    """One digest of what was proven about a target's files."""
    return signature(coverage=coverage.model_dump(mode="json") if coverage else None)
