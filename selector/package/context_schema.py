"""Context binaries of one chip as `android_test contexts` made and proved them; checks that they are of this build.

`ChipContexts` is the only schema of `build/android_test/contexts/<chip>/report.json`. `PackagedContexts` is its part
that a package's manifest contains.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError, model_validator

from export_onnx.errors import PackageError
from export_onnx.provenance import REPORT, changed_files
from selector.package.strict_schema import Count, Positive, Sha256, StrictSchema, first_problem

CONTEXTS_FOLDER: Final = Path("android_test", "contexts")  # in the build folder: one folder per chip
Comparison = Literal["bit for bit", "within the floor", "different"]
ONLY_A_PHONE: Final = "only a phone: a file with shared weights does not load on the simulation"


def is_chip(soc: str, chip: str) -> bool:
    """Whether `ro.soc.model` names the chip, or a binned variant of it such as SM8650-AC."""
    return soc == chip or soc.startswith(f"{chip}-")


class ProvenStage(StrictSchema):
    """One stage as a context of its own on the simulation: against the plain model there, and against the CPU.

    Attributes:
        graph: what ran: a bucket, or a crop of one.
        plain_db, cpu_db: of the worst output, in dB; 200 where nothing differs.
        floor: for both, in dB.
    """

    stage: str
    graph: str
    against_plain: Comparison
    plain_db: float
    cpu_db: float
    floor: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _follows(self) -> ProvenStage:
        holds = self.plain_db >= self.floor and self.cpu_db >= self.floor  # NaN is below
        if holds == (self.against_plain == "different"):
            raise ValueError(f"{self.against_plain!r} does not follow from {self.plain_db} and {self.cpu_db} dB")
        return self


class ContextProof(StrictSchema):
    """What the simulation said about contexts of the same graphs and options, made without sharing.

    Attributes:
        durations: changes of frames per token that `bert` in half precision makes, simulated, in words.
        shared: what nobody has proven without a phone.
    """

    chip: str
    compiler: str
    options: dict[str, str]
    stages: tuple[ProvenStage, ...]
    sentences: Positive
    durations: str
    durations_hold: bool
    shared: Literal["only a phone: a file with shared weights does not load on the simulation"]

    @property
    def holds(self) -> bool:
        """Whether every stage agrees and durations hold."""
        same = all(stage.against_plain != "different" for stage in self.stages)
        return bool(self.stages) and same and self.durations_hold

    def in_words(self) -> str:
        """The verdict in one line."""
        stages = ", ".join(f"{one.stage} {one.against_plain} ({one.cpu_db:.1f} dB of the CPU)" for one in self.stages)
        told = " ".join(f"{name}={value}" for name, value in sorted(self.options.items()))
        return f"{self.chip}, compiler {self.compiler}, {told}: {stages}; {self.durations}; shared: {self.shared}"


class PackagedContexts(StrictSchema):
    """What an app must know to load the contexts.

    Attributes:
        chip: as `Build.SOC_MODEL` names it; soc_model and htp_arch are Qualcomm's numbers.
        compiler, sdk: versions of the wheel `onnxruntime-qnn`, and of the SDK of which the phone's libraries must be.
        onnxruntime: the version that made the EPContext models.
        options: under which the provider compiled.
        options_of_graphs: those that single graphs had besides, by `<stage>_<bucket>`.
        proof: None where nobody asked the simulation.
    """

    chip: str
    soc_model: Positive
    htp_arch: Positive
    compiler: str
    sdk: str
    onnxruntime: str
    options: dict[str, str]
    options_of_graphs: dict[str, dict[str, str]]
    proof: ContextProof | None

    @model_validator(mode="after")
    def _proof_of_the_same(self) -> PackagedContexts:
        if self.proof and (self.proof.chip, self.proof.compiler) != (self.chip, self.compiler):
            raise ValueError("the proof is of another chip or compiler")
        if self.options.get("soc_model") != str(self.soc_model) or self.options.get("htp_arch") != str(self.htp_arch):
            raise ValueError("the options name another chip")
        return self


class ChipContexts(StrictSchema):
    """One run of `android_test contexts` for one chip.

    Attributes:
        models: stage -> bucket -> EPContext file.
        sources: everything that the contexts were made from, path in the build folder -> sha256.
        bytes: of all files that ship.
        peak: the compiler's resident maximum in bytes.
        files: name -> sha256.
    """

    signature: Sha256
    contexts: PackagedContexts
    models: Annotated[dict[str, dict[str, str]], Field(min_length=1)]
    sources: dict[str, Sha256]
    bytes: Positive
    compile_seconds: dict[str, float]
    peak: Count
    versions: dict[str, str]
    seconds: float
    peak_memory_mb: Count
    files: dict[str, Sha256]

    @model_validator(mode="after")
    def _named_files_are_there(self) -> ChipContexts:
        named = {file for buckets in self.models.values() for file in buckets.values()}
        if missing := sorted(named - set(self.files)):
            raise ValueError(f"files are named but not listed: {missing}")
        return self


def chips_made(build: Path) -> list[str]:
    """The chips whose contexts are complete, by name."""
    return sorted(report.parent.name for report in (build / CONTEXTS_FOLDER).glob(f"*/{REPORT}"))


def read_contexts(build: Path, chip: str, buckets: Sequence[str]) -> ChipContexts:
    """The contexts of one chip, if they are complete, unchanged, and of the graphs and weights that the build has now.

    Raises:
        PackageError: they are missing, damaged, of another chip, other weights or other buckets.
    """
    folder = build / CONTEXTS_FOLDER / chip
    todo = f'Run `make contexts SOCS="{chip}"` again.'
    try:
        made = ChipContexts.model_validate_json((folder / REPORT).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        place, got = first_problem(error) if isinstance(error, ValidationError) else ("the whole", str(error)[:120])
        raise PackageError(f"{folder / REPORT}, {place}", expected="contexts of a chip", got=got, todo=todo) from error

    def refuse(expected: str, got: str) -> None:
        raise PackageError(str(folder), expected=expected, got=got, todo=todo)

    if made.contexts.chip != chip:
        refuse(f"contexts for {chip}", f"contexts for {made.contexts.chip}")
    if changed := changed_files(folder, made.files):
        refuse("the files as they were written", f"others in {', '.join(changed[:3])}")
    if changed := changed_files(build, made.sources):
        refuse("contexts of this build's graphs and weights", f"contexts of another {', '.join(changed[:3])}")
    if short := sorted(stage for stage, files in made.models.items() if set(files) != set(buckets)):
        refuse(f"every stage in {', '.join(buckets)}", f"{', '.join(short)} in {', '.join(made.models[short[0]])}")
    return made
