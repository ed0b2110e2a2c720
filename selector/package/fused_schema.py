"""The manifest's `fused`: models with fused operators, and the library that ONNX Runtime needs for them.

Such a model takes and gives what the stock model of its stage does, and reads the same `weights.bin`. A program that
has no library for its platform, or whose ONNX Runtime refuses it, runs the stock models.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Final

from pydantic import Field, model_validator

from selector.package.quality_schema import GroupQuality
from selector.package.strict_schema import Positive, RelativePath, StrictSchema

LIBRARIES: Final = "lib"  # the folder inside a package, with a folder per platform below it


class FusedModels(StrictSchema):
    """What a program needs to run the fused models.

    Attributes:
        domain, version: of the operators in the models.
        models: bucket -> stage -> path.
        libraries: platform -> path, as `linux-x86_64`, `linux-aarch64`, `android-arm64-v8a`.
        quality: how the models sound, by the figures and sentences of the manifest's `quality`.
    """

    domain: Annotated[str, Field(min_length=1)]
    version: Positive
    models: Annotated[dict[str, dict[str, RelativePath]], Field(min_length=1)]
    libraries: Annotated[dict[str, RelativePath], Field(min_length=1)]
    quality: GroupQuality

    @model_validator(mode="after")
    def _libraries_apart(self) -> FusedModels:
        """A program may run without a library, so that no file is a library and something else."""
        if wrong := sorted(path for path in self.libraries.values() if not path.startswith(f"{LIBRARIES}/")):
            raise ValueError(f"libraries outside of {LIBRARIES}/: {wrong}")
        return self

    def files(self) -> set[str]:
        """Every path that it names."""
        return {*self.libraries.values(), *self.model_files()}

    def model_files(self) -> set[str]:
        """The models' paths."""
        return {path for stages in self.models.values() for path in stages.values()}

    def unknown(self, buckets: Collection[str], stages: Collection[str]) -> list[str]:
        """The buckets and stages that are not among the given ones, as "decoder any"."""
        named = ((stage, bucket) for bucket, models in self.models.items() for stage in models)
        return sorted(f"{stage} {bucket}" for stage, bucket in named if bucket not in buckets or stage not in stages)
