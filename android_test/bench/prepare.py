"""What the contenders need from a build: the originals as ONNX, the package, and each text as ids and a voice row."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from android_test.bench.contenders import FUSED, RIVAL, Contender
from android_test.bench.kokoro_onnx import published_file
from android_test.bench.passages import LANGUAGE, Passage, fill
from android_test.bench.runners import BenchRequest
from export_onnx import provenance
from export_onnx.buckets import BUCKETS, Bucket
from export_onnx.checkpoint.packaged_weights import NAME
from export_onnx.contracts import STAGES
from export_onnx.errors import ContractError
from export_onnx.run.chain import DURATIONS, Chain
from export_onnx.run.padding import text_inputs
from export_onnx.run.text import encode, phonemize
from quantize.ops.platforms import this_platform
from selector.choose.length import PADS
from selector.package.opened import Package
from selector.speak.to_wav import find_package

TARGET: Final = "cpu"
EXPORT_SECONDS: Final = 1800
STEPS: Final = ("export_onnx", "calibrate", "quantize/cpu", "selector")


@dataclass(frozen=True)
class Build:
    """One build and what the bench adds to it.

    Attributes:
        folder: of the build; its package lies in `dist` below it, or is named.
        dist: where packages are.
    """

    folder: Path
    dist: Path

    @cached_property
    def report(self) -> dict[str, Any]:
        """Of the export.

        Raises:
            ContractError: the step has not completed.
        """
        return provenance.completed(self.folder / "export_onnx", "export_onnx", (s.name for s in STAGES))

    @property
    def name(self) -> str:
        """Of the weights."""
        return str(self.report["weights"]["name"])

    @property
    def source(self) -> str:
        """What `load_weights` takes.

        Raises:
            ContractError: weights of a folder, whose path the build does not keep.
        """
        weights = self.report["weights"]
        if weights["source"] == "folder":
            raise ContractError(
                str(self.folder),
                expected="weights of the hub, demo, random or random-small",
                got="a folder, whose path a build does not keep",
                todo="Leave the originals out with --contenders stages cpu.",
            )
        return "auto" if weights["source"] == "hub" else self.name

    @cached_property
    def package(self) -> Package:
        """The INT8 package; checked."""
        return Package.open(find_package(self.dist, TARGET, self.name))

    @property
    def originals(self) -> Path:
        """Where the originals' ONNX files are: a folder for each checkpoint."""
        digest = provenance.signature(weights=self.report["weights"]["sha256"], versions=provenance.versions())
        return self.folder / "android_test" / "bench" / "originals" / digest[:12]

    def export_originals(self) -> None:
        """Once, in a process of its own.

        Raises:
            ContractError: it cannot be exported.
        """
        if (self.originals / "original.onnx").is_file():
            return
        command = [sys.executable, "-W", "ignore", "-m", "android_test.bench.original", self.source]
        done = subprocess.run(
            [*command, str(self.folder / "weights"), str(self.originals)],
            capture_output=True,
            text=True,
            timeout=EXPORT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise ContractError(
                "the original as ONNX",
                expected="an export",
                got=(done.stderr.strip().splitlines() or ["nothing said"])[-1][:200],
                todo="Leave it out with --contenders.",
            )

    def steps(self) -> dict[str, dict[str, float]]:
        """Seconds and peak memory of the build's own steps."""
        reports = {step: provenance.read_report(self.folder / step) for step in STEPS}
        return {
            step: {"seconds": report["seconds"], "peak_memory_mb": report["peak_memory_mb"]}
            for step, report in reports.items()
            if report and "seconds" in report
        }

    def phonemes(self, text: str) -> str:
        """The symbols that have an id."""
        return encode(phonemize(text, LANGUAGE), self.package.manifest.vocabulary).phonemes

    @property
    def voice(self) -> str:
        """The package's first."""
        return min(self.package.manifest.voices.files)

    def style(self, phonemes: str) -> Any:
        """The voice's row, [256] float32."""
        return self.package.voice(self.voice)[len(phonemes) - 1]

    def frames(self, text: str) -> int:
        """Of the float stages, in the largest bucket; more than any bucket where the tokens do not fit."""
        bucket = BUCKETS[-1]
        phonemes = self.phonemes(text)
        ids = encode(phonemes, self.package.manifest.vocabulary).ids
        if len(ids) > bucket.tokens:
            return sys.maxsize
        values = text_inputs(ids, self.style(phonemes)[None], 1.0, bucket)
        return int(self._durations.run_stages(DURATIONS, values)["frames_per_token"].sum())

    @cached_property
    def _durations(self) -> Chain:
        return Chain(self.folder / "export_onnx", BUCKETS[-1])

    def full_bucket(self, bucket: Bucket, text: str) -> Passage:
        """The longest beginning of `text` that fits the bucket, tokens and frames."""

        def frames_of(words: str) -> int:
            return sys.maxsize if len(self.phonemes(words)) + PADS > bucket.tokens else self.frames(words)

        return fill(bucket, text, frames_of)

    @property
    def rival(self) -> Path:
        """The folder that kokoro-onnx is installed in."""
        return self.folder / "android_test" / "bench" / "kokoro_onnx"

    def has(self, one: Contender) -> bool:
        """Whether the contender can run these weights here.

        kokoro-onnx's file is Kokoro-82M's alone, and a package made without a compiler has no fused operators.
        """
        if one.name == FUSED:
            fused = self.package.manifest.fused
            return fused is not None and this_platform() in fused.libraries
        return one.kind != "kokoro-onnx" or (self.name == NAME and published_file(self.folder / "weights").is_file())

    def request(self, one: Contender, passage: Passage, threads: int) -> BenchRequest:
        """A contender on a text."""
        phonemes = self.phonemes(passage.text)
        models = {
            "onnx": self.originals / "original.onnx",
            "onnx-dynamic": self.originals / "original_dynamic.onnx",
            RIVAL: published_file(self.folder / "weights"),
            "stages": self.package.folder,
            "cpu": self.package.folder,
            FUSED: self.package.folder,
        }
        return BenchRequest(
            contender=one.name,
            kind=one.kind,
            threads=threads,
            text=passage.text,
            voice=self.voice,
            ids=encode(phonemes, self.package.manifest.vocabulary).ids,
            style=tuple(np.asarray(self.style(phonemes), np.float32).tolist()),
            bucket=passage.bucket,
            model=str(models.get(one.name, "")),
            floats=str(self.folder / "export_onnx") if one.name == "stages" else "",
            source=self.source if one.kind == "torch" else "",
            cache=str(self.folder / "weights"),
            phonemes=phonemes if one.kind == "kokoro-onnx" else "",
            fused=one.name == FUSED,
            rival=str(self.rival) if one.kind == "kokoro-onnx" else "",
        )
