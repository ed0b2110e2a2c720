"""Coverage of every NPU stage in folders of ONNX files, at levels that each have a proof of their own.

    rules       static: the provider of the target takes every node, in one partition
    compiled    Qualcomm's HTP compiler takes every node, in one subgraph, for every chip asked for
    simulated   a run on Qualcomm's simulation agrees with the CPU's run of the same file

A level is proven only together with those above it in this list, and a report never says more than was proven.
"Device" is a fourth level: a receipt from a phone, see `device_facts.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import onnx

from android_test.coverage.graph_view import GraphView
from android_test.coverage.htp.half_precision import read_extremes
from android_test.coverage.htp.htp_host import DEFAULT_SOCS, Compilation, CompileJob, compile_for
from android_test.coverage.htp.htp_rules import check_qnn
from android_test.coverage.htp.limited_child import CompileLimits
from android_test.coverage.htp.simulate import Agreement, simulate, simulate_blocks
from android_test.coverage.htp.time_crop import crop_model, crop_values
from android_test.coverage.nnapi.nnapi_rules import NnapiOptions, check_nnapi
from android_test.coverage.nnapi.optimized import newly_refused
from android_test.coverage.rule_verdict import Refusal, Verdict
from android_test.coverage.speech_inputs import loudest, speech_values
from export_onnx.buckets import BUCKETS, Bucket
from export_onnx.contracts import HALVES, NPU_STAGES, STAGES
from export_onnx.errors import ContractError, CoverageError
from export_onnx.graph.multiply_adds import multiply_adds
from export_onnx.graph.shared_weights import load
from export_onnx.run.padding import Tensors
from quantize.recipes import RECIPES
from selector.package.coverage_schema import Level, asked_of, proven_levels
from selector.package.providers import NPU_TARGETS


@dataclass(frozen=True)
class CoverageSettings:
    """What is asked for."""

    require: Level = "rules"
    floats: Path = Path("build/export_onnx")  # the float stages: CPU work for the share
    buckets: tuple[Bucket, ...] = BUCKETS
    socs: tuple[str, ...] = DEFAULT_SOCS
    nnapi: NnapiOptions = field(default_factory=NnapiOptions)
    limits: CompileLimits = field(default_factory=CompileLimits)
    stages: tuple[str, ...] = NPU_STAGES
    contexts: Path | None = None  # where context binaries go, one per variant and chip
    one_context: bool = False  # one per variant, for all chips; it cannot be loaded here
    calibrated: Path | None = None  # calibration's folder: extremes of float values, and speech


@dataclass(frozen=True)
class Variant:
    """One file: an NPU stage at one bucket for one target (its folder's name)."""

    target: str
    stage: str
    bucket: Bucket
    path: Path


@dataclass(frozen=True)
class Result:
    """What was proven about one variant."""

    variant: Variant
    multiply_adds: int
    rules: Verdict
    optimized: tuple[Refusal, ...] = ()  # NNAPI: what basic optimizations would lose
    compiled: tuple[Compilation, ...] = ()
    simulated: Agreement | None = None

    @property
    def proven(self) -> tuple[Level, ...]:
        """Levels, each with all below it."""
        simulated = self.simulated is not None and self.simulated.agrees
        return proven_levels(self.rules.covered, [one.covered for one in self.compiled], simulated)


def find_variants(folder: Path, buckets: Iterable[Bucket], stages: Iterable[str] = NPU_STAGES) -> list[Variant]:
    """The NPU stages in `folder`, one per stage and bucket; not those that the target's recipe has on the CPU.

    Raises:
        CoverageError: a file of a wanted stage and bucket is missing; what was not checked is not a pass.
    """
    on_cpu = {target.name: target.compact for target in RECIPES}.get(folder.name, ())
    asked = list(stages)
    wanted = [stage for stage in asked if stage not in on_cpu]
    if not wanted:
        raise CoverageError(
            str(folder),
            expected=f"a stage that {folder.name} runs on the NPU",
            got=f"{', '.join(asked)}, which its recipe has on the CPU",
            todo="Name another stage.",
        )
    found = [
        Variant(folder.name, stage, bucket, folder / f"{stage}_{bucket.name}.onnx")
        for bucket in buckets
        for stage in wanted
    ]
    if missing := [variant.path.name for variant in found if not variant.path.is_file()]:
        raise CoverageError(
            str(folder),
            expected=", ".join(missing),
            got="no such file" if len(missing) == 1 else "none of them",
            todo="Make the files first, or name only the --buckets and --stages that exist.",
        )
    return found


def check_level(variants: Iterable[Variant], required: Level) -> None:
    """That at least one target can be tried at the level asked for.

    Raises:
        CoverageError: only a phone can try it; a run that looks at nothing of what was asked for is not a pass.
    """
    targets = list(dict.fromkeys(variant.target for variant in variants))
    if all(asked_of(target, required) != required for target in targets):
        here = [target for target in NPU_TARGETS if asked_of(target, required) == required]
        raise CoverageError(
            f"level {required}",
            expected=f"a target that can be tried at it here: {' | '.join(here)}",
            got=", ".join(targets),
            todo="Ask for --require rules; the rest only a phone can tell, see `python -m android_test verify --help`.",
        )


def check(variant: Variant, settings: CoverageSettings, crops: dict[str, Agreement] | None = None) -> Result:
    """All levels up to the one required; a level is not tried where the one below is not proven, or where only a
    phone can try it: Qualcomm's compiler is not asked about files for NNAPI.

    Args:
        variant: what is checked.
        settings: how far.
        crops: of one run with the same settings, by sha256: a crop that was simulated is not simulated again. The
            crops of all buckets are the same file where their graphs differ in nothing but length.
    """
    view = GraphView.load(variant.path)
    lost: tuple[Refusal, ...] = ()
    if variant.target == "nnapi":
        rules = check_nnapi(view, settings.nnapi)
        lost = newly_refused(variant.path, rules, settings.nnapi)[1]
    elif variant.target == "qnn":
        calibrated = settings.calibrated
        rules = check_qnn(view, read_extremes(calibrated, variant.path.parent) if calibrated else None)
    else:
        raise CoverageError(
            f"rules of {variant.target}",
            expected=f"a folder named for its target: {' | '.join(NPU_TARGETS)}",
            got=str(variant.path.parent),
            todo="Rename the folder; a new target needs rules of its own beside nnapi_rules.py.",
        )
    work = _work(view, rules)
    result = Result(variant, work, rules, lost)
    asked = asked_of(variant.target, settings.require)
    if asked == "rules" or "rules" not in result.proven:
        return result
    compiled = tuple(compile_for(variant.path, job)[0] for job in jobs(variant, settings))
    result = Result(variant, work, rules, lost, compiled)
    if asked == "compiled" or "compiled" not in result.proven:
        return result
    agreement = run_simulation(variant, settings, {} if crops is None else crops)
    return Result(variant, work, rules, lost, compiled, agreement)


def jobs(variant: Variant, settings: CoverageSettings) -> list[CompileJob]:
    """One compilation per chip; with one context binary for all, one more for all together."""
    sets = [(soc,) for soc in settings.socs]
    if settings.contexts is None:
        return [CompileJob(socs, limits=settings.limits) for socs in sets]
    folder = settings.contexts / variant.target
    if settings.one_context:
        whole = CompileJob(settings.socs, folder / f"{variant.path.stem}.onnx", limits=settings.limits)
        return [*(CompileJob(socs, limits=settings.limits) for socs in sets), whole]
    return [CompileJob(socs, folder / f"{variant.path.stem}_{socs[0]}.onnx", limits=settings.limits) for socs in sets]


def run_simulation(variant: Variant, settings: CoverageSettings, crops: dict[str, Agreement]) -> Agreement:
    """The variant on the first chip's simulation; a stage with a time axis as a crop of real speech.

    `crops` gets what was found, and is asked first.
    """
    job = CompileJob(settings.socs[:1], limits=settings.limits)
    if variant.stage not in HALVES:
        values = _speech(settings.floats, settings.calibrated, variant.bucket)
        return simulate(variant.path, {name: values[name] for name in _inputs(variant)}, job)
    crop = crop_model(load(variant.path), variant.stage, variant.bucket.frames)
    birth = hashlib.sha256(crop.SerializeToString(deterministic=True)).hexdigest()
    if birth not in crops:
        values = _speech(settings.floats, settings.calibrated, variant.bucket)
        feed = crop_values(values, variant.stage, loudest(values))
        whole = simulate(crop, feed, job)
        blocks = simulate_blocks(crop, feed, job) if whole.decibels else {}
        crops[birth] = replace(whole, blocks=blocks, sha256=birth)
    return crops[birth]


def share_on_npu(results: Iterable[Result], settings: CoverageSettings, target: str, bucket: Bucket) -> float:
    """The part of the chain's multiply-adds in stages that the NPU takes whole, at the level asked for, 0 to 1.

    Raises:
        CoverageError: a stage of the chain is in neither folder.
    """
    here = {r.variant.stage: r for r in results if (r.variant.target, r.variant.bucket) == (target, bucket)}
    if any(not r.multiply_adds and not r.rules.covered for r in here.values()):
        return 0.0  # without its shapes nothing can be said
    work = work_of_stages(here.values(), settings, bucket)
    asked = asked_of(target, settings.require)
    return sum(work[stage] for stage, r in here.items() if asked in r.proven) / sum(work.values())


def work_of_stages(results: Iterable[Result], settings: CoverageSettings, bucket: Bucket) -> dict[str, int]:
    """Multiply-adds of every stage of the chain at one bucket; what has no result is counted in its float file.

    Args:
        results: of one target and bucket.

    Raises:
        CoverageError: a stage of the chain is in neither folder.
    """
    work = {result.variant.stage: result.multiply_adds for result in results}
    for stage in STAGES:
        if stage.name not in work:
            path = settings.floats / f"{stage.name}_{bucket.name}.onnx"
            if not path.is_file():
                raise CoverageError(
                    str(path), expected="every stage of the chain", got="nothing", todo="Give --float its folder."
                )
            work[stage.name] = sum(multiply_adds(onnx.load(path, load_external_data=False)).values())
    return {stage.name: work[stage.name] for stage in STAGES}


def _work(view: GraphView, rules: Verdict) -> int:
    """Multiply-adds; 0 for a refused graph that does not say its shapes, whose share is then 0 as well."""
    try:
        return sum(multiply_adds(view.model).values())
    except ContractError:
        if rules.covered:
            raise
        return 0


def _inputs(variant: Variant) -> list[str]:
    return [port.name for port in next(s for s in STAGES if s.name == variant.stage).inputs]


@cache
def _speech(floats: Path, calibrated: Path | None, bucket: Bucket) -> Tensors:
    if calibrated is None:
        raise CoverageError(
            "simulation", expected="calibration's folder", got="none", todo="It holds the speech that is computed on."
        )
    return speech_values(floats, calibrated, bucket)
