"""`manifest.json`: everything that a program must know to run a package, and to trust it. The only schema.

Unknown keys, wrong types and paths that leave the folder are refused. `json_schema` exports it for other languages.
Numbers of coverage and quality are copied from the reports of the steps that measured them. `coverage` is null where
the coverage step did not look at the package's very files.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError, model_validator

from export_onnx.contracts import free_sizes
from export_onnx.errors import PackageError
from selector.package.context_schema import PackagedContexts
from selector.package.coverage_schema import ProvenCoverage
from selector.package.fused_schema import FusedModels
from selector.package.providers import NpuTarget, Target
from selector.package.quality_schema import TargetQuality
from selector.package.strict_schema import (
    Count,
    Positive,
    RelativePath,
    Sha256,
    Share,
    StrictSchema,
    dumps,
    first_problem,
)

SCHEMA_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
SCHEMA: Final = "manifest.schema.json"


class File(StrictSchema):
    """One file of the package."""

    size: Annotated[int, Field(ge=0, description="bytes")]
    sha256: Sha256


class WeightsIdentity(StrictSchema):
    """Which checkpoint the package was made from."""

    source: str
    name: str
    revision: str
    sha256: dict[str, Sha256]


class Geometry(StrictSchema):
    """Time."""

    sample_rate: Positive
    samples_per_frame: Positive
    max_phonemes: Positive


class PortContract(StrictSchema):
    """One tensor. Names in shapes get their sizes from the bucket."""

    name: str
    dtype: Literal["float32", "int32"]
    shape: list[int | str]
    meaning: str


class StageContract(StrictSchema):
    """One graph: where it runs, what it takes and gives, in order."""

    name: str
    runs_on: Literal["npu", "cpu"]
    inputs: list[PortContract]
    outputs: list[PortContract]


class BucketContract(StrictSchema):
    """One size, and its model files by stage.

    A fixed bucket's tensors have its sizes, with zeros behind the real text and sound. A dynamic bucket's tensors have
    the text's and the sound's own lengths, without any padding; there, tokens, frames, seconds and sizes are limits.
    """

    name: str
    seconds: Annotated[float, Field(gt=0)]
    tokens: Positive
    frames: Positive
    dynamic: bool = False
    sizes: dict[str, Positive]
    models: dict[str, RelativePath]

    def holding(self, tokens: int, frames: int) -> BucketContract:
        """The bucket at the sizes of a text of so many tokens and frames: its own, unless it is dynamic."""
        if not self.dynamic:
            return self
        seconds = self.seconds * frames / self.frames
        fitted = self.model_copy(update={"tokens": tokens, "frames": frames, "seconds": seconds})
        return fitted.model_copy(update={"sizes": self.sizes | free_sizes(fitted)})


class ProviderOptions(StrictSchema):
    """See `providers.Provider`."""

    name: str
    options: dict[str, str]
    session: dict[str, str]
    optimization: Literal["disable_all", "all"]


class VoiceTable(StrictSchema):
    """See `choose_bucket.Table`."""

    tokens: list[Positive]
    speeds_milli: list[Positive]
    frames: list[list[Positive]]

    @model_validator(mode="after")
    def _check(self) -> VoiceTable:
        columns = list(zip(*self.frames, strict=True))
        grid = len(self.frames) == len(self.speeds_milli) and all(len(r) == len(self.tokens) for r in self.frames)
        ascending = all(sorted(set(axis)) == list(axis) for axis in (self.tokens, self.speeds_milli))
        monotone = all(sorted(r) == r for r in self.frames) and all(sorted(c)[::-1] == list(c) for c in columns)
        if not (grid and ascending and monotone and len(self.tokens) > 1 and len(self.speeds_milli) > 1):
            raise ValueError("frames must be [speed][tokens], rise with tokens and fall with speed")
        return self


class Selector(StrictSchema):
    """The table of `choose_bucket`, with its worth: the share of held-out texts that it covers, and its median excess.

    Its tokens are `length.length`: each run of `pause_marks` is worth `pause_tokens` more.
    """

    quantile: Annotated[float, Field(gt=0, lt=1)]
    pause_marks: str
    pause_tokens: Count
    voices: dict[str, VoiceTable]
    coverage: dict[str, Share]
    excess: dict[str, float]
    texts: Positive
    held_out_texts: Positive


class Voices(StrictSchema):
    """The voice files. `layout` says it in words."""

    rows: Positive
    width: Positive
    dtype: Literal["float32"]
    byte_order: Literal["little"]
    layout: str
    files: dict[str, RelativePath]


class Tokenizer(StrictSchema):
    """The in-graph tokenizer, for runtimes with onnxruntime-extensions."""

    model: RelativePath
    input: str
    output: str


class Golden(StrictSchema):
    """The sentence that `android_test verify` compares on a device; floors in dB by stage. See `golden`."""

    phonemes: str
    voice: str
    speed: Annotated[float, Field(gt=0)]
    seed: int
    floors: dict[str, Annotated[float, Field(gt=0)]]


class DeviceEntry(StrictSchema):
    """What receipts from one chip or model say.

    Attributes:
        verified: the targets of which every receipt from there holds, on the NPU.
        hardware: by verified target, the devices that its provider offered: of several, any may have run any node.
        failed: by target, why a receipt from there does not hold, in one line; such a target is not verified.
        use: the fastest target that holds, by the whole chain; `cpu` where none does.
    """

    verified: list[NpuTarget]
    hardware: dict[NpuTarget, list[str]]
    failed: dict[Target, str]
    use: Target

    @model_validator(mode="after")
    def _nothing_that_failed(self) -> DeviceEntry:
        if set(self.verified) & set(self.failed):
            raise ValueError("a target failed on a device and is verified there")
        if set(self.hardware) != set(self.verified):
            raise ValueError("hardware is named for other targets than the verified ones")
        if self.use != "cpu" and self.use not in self.verified:
            raise ValueError("a target is to be used and is not verified")
        return self


class Devices(StrictSchema):
    """What receipts say. An app looks its phone up once: in `socs` by ro.soc.model (`Build.SOC_MODEL`), or, on a phone
    without that property, in `models` by ro.product.model (`Build.MODEL`); everywhere else it uses the CPU.
    """

    socs: dict[str, DeviceEntry]
    models: dict[str, DeviceEntry]
    elsewhere: Literal["cpu"]


class Manifest(StrictSchema):
    """One package."""

    schema_version: Literal[1]
    package: str
    version: str
    target: Target
    command: str
    versions: dict[str, str]
    weights: WeightsIdentity
    geometry: Geometry
    stages: list[StageContract]
    buckets: Annotated[list[BucketContract], Field(min_length=1)]
    providers: dict[Literal["npu", "cpu"], ProviderOptions]
    tokenizer: Tokenizer
    vocabulary: Annotated[dict[str, Positive], Field(min_length=1)]
    selector: Selector
    voices: Voices
    coverage: ProvenCoverage | None
    quality: TargetQuality
    golden: Golden
    devices: Devices | None  # null without receipts
    unfit_socs: list[str] = Field(default_factory=list)  # ro.soc.model of chips on which no NPU stage loads
    contexts: PackagedContexts | None = None  # of one chip; null where the NPU's stages are plain ONNX
    fused: FusedModels | None = None  # null where the package has stock operators alone
    files: dict[RelativePath, File]

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        named = {
            self.tokenizer.model,
            *self.voices.files.values(),
            *(m for b in self.buckets for m in b.models.values()),
            *(self.fused.files() if self.fused else ()),
        }
        if missing := sorted(named - set(self.files)):
            raise ValueError(f"files are named but not listed: {missing}")
        if set(self.selector.voices) != set(self.voices.files):
            raise ValueError("the selector and the package have different voices")
        stages = [stage.name for stage in self.stages]
        if wrong := [b.name for b in self.buckets if sorted(b.models) != sorted(stages)]:
            raise ValueError(f"buckets without a model for every stage: {wrong}")
        if len({bucket.dynamic for bucket in self.buckets}) > 1:
            raise ValueError("fixed and dynamic buckets in one package: their stages take different inputs")
        on_cpu = {stage.name for stage in self.stages if stage.runs_on == "cpu"}
        if self.fused and (strange := self.fused.unknown({b.name for b in self.buckets}, on_cpu)):
            raise ValueError(f"fused models of what the package does not run on the CPU: {strange}")
        if any(bucket.dynamic for bucket in self.buckets) and any(stage.runs_on == "npu" for stage in self.stages):
            raise ValueError("a dynamic bucket with a stage on the NPU, which takes fixed shapes only")
        return self


def json_schema() -> str:
    """The schema as JSON Schema, for other languages."""
    return dumps(Manifest.model_json_schema())


def parse(text: str, where: str) -> Manifest:
    """A manifest from its JSON.

    Raises:
        PackageError: not JSON, another schema version, an unknown key, a wrong type, an escaping path.
    """
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        place, got = first_problem(error)
        raise PackageError(
            f"{where}, {place}",
            expected=f"a manifest of schema version {SCHEMA_VERSION}",
            got=got,
            todo="Get the package again, or a newer kokoro-npu for a newer package.",
        ) from error
