"""How a target sounds compared with the float stages, as `quantize` measured it and as the manifest contains it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from export_onnx.errors import PackageError
from selector.package.strict_schema import Count, Positive, Share, StrictSchema, first_problem


class SoundFigures(StrictSchema):
    """The figures of `quantize.listen.quality.Quality`; levels and distances are in dB."""

    pesq: Annotated[float, Field(ge=1, le=5)]
    stoi: float
    mel_db: float
    snr_db: float
    quiet_db: float
    gain_db: float
    dc: float
    railed: Share
    finite: bool


class GroupQuality(StrictSchema):
    """The mean and the worst of each figure over the sentences of one group."""

    mean: SoundFigures
    worst: SoundFigures
    sentences: Positive


class DurationChanges(StrictSchema):
    """How far frames per token move from the float stages': sentences and tokens are counted, distances in frames."""

    sentences: Count
    unchanged: Count
    tokens: Count
    tokens_changed: Count
    token_frames: Count
    length_frames: Count
    worst_sentence_tokens: Count
    share_by_voice: dict[str, Share]


class TargetQuality(StrictSchema):
    """What was measured on held-out sentences.

    `groups` are all sentences (`all`), those in voices that are in calibration (`heard`) or held out (`unheard`), and
    each voice by its name; `unheard` names the held-out voices; `bucket` is the measured one; `missed` lists the goals
    that were missed, with what was measured.
    """

    groups: dict[str, GroupQuality]
    unheard: tuple[str, ...]
    bucket: str
    meets_goal: bool
    missed: tuple[str, ...]
    durations: DurationChanges

    @model_validator(mode="after")
    def _whole(self) -> TargetQuality:
        if "all" not in self.groups:
            raise ValueError("the group `all` is missing")
        if self.meets_goal == bool(self.missed):
            raise ValueError("`meets_goal` does not follow from `missed`")
        return self


def read_quality(report: Mapping[str, Any], where: str) -> TargetQuality:
    """Reads the quality in a quantization report.

    Args:
        report: the content of `report.json`.
        where: its folder, for the error.

    Raises:
        PackageError: the report has no quality, or one that breaks the schema.
    """
    try:
        return TargetQuality.model_validate_json(json.dumps(report.get("quality")))
    except ValidationError as error:
        place, got = first_problem(error)
        raise PackageError(
            f"{where}, quality, {place}",
            expected="the figures that this release measures",
            got=got,
            todo="Run `python -m quantize` again.",
        ) from error
