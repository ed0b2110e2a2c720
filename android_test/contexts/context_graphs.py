"""The graphs that context binaries are made of: the stages of target `qnn` on the NPU, and `bert` in half precision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from android_test.coverage.graph_view import GraphView
from android_test.coverage.htp.half_precision import Extremes
from android_test.coverage.htp.htp_rules import check_qnn
from calibrate.store import RANGES
from export_onnx.buckets import Bucket
from export_onnx.contracts import HALVES
from export_onnx.errors import CoverageError
from export_onnx.graph.shared_weights import WEIGHTS_FILE, ModelFolder, load
from export_onnx.provenance import sha256
from quantize.text.half_norms import fit_norms_to_half, norm_extremes

GRAPHS: Final = Path("android_test", "context_graphs")  # in the build folder: `bert` for half precision
BERT: Final = "bert"
CONTEXT_STAGES: Final = (BERT, *HALVES)


@dataclass(frozen=True)
class ContextGraph:
    """One graph that becomes a context."""

    stage: str
    bucket: Bucket
    path: Path

    @property
    def name(self) -> str:
        """Of its files, without the ending."""
        return f"{self.stage}_{self.bucket.name}"


def context_graphs(build: Path, buckets: Sequence[Bucket]) -> list[ContextGraph]:
    """Every graph of every bucket, stage by stage, small buckets first. Writes those of `bert`.

    Raises:
        CoverageError: a file of an earlier step is missing, or a rule of half precision refuses `bert`.
    """
    quantized = build / "quantize" / "qnn"
    needed = [build / "calibrate" / RANGES]
    needed += [build / "export_onnx" / f"{BERT}_{bucket.name}.onnx" for bucket in buckets]
    needed += [quantized / f"{stage}_{bucket.name}.onnx" for stage in HALVES for bucket in buckets]
    if missing := [file for file in needed if not file.is_file()]:
        raise CoverageError(
            str(missing[0]), expected="the results of the steps before", got="nothing", todo="Run `make quantize`."
        )
    write_half_bert(build, buckets)
    return [
        ContextGraph(stage, bucket, graph_file(build, stage, bucket.name))
        for stage in CONTEXT_STAGES
        for bucket in buckets
    ]


def graph_file(build: Path, stage: str, bucket: str) -> Path:
    """Where the graph lies that the context of a stage in a bucket is made from."""
    folder = build / GRAPHS if stage == BERT else build / "quantize" / "qnn"
    return folder / f"{stage}_{bucket}.onnx"


def write_half_bert(build: Path, buckets: Sequence[Bucket]) -> None:
    """Writes `bert` with norms for half precision, each bucket, with one copy of the weights.

    Raises:
        CoverageError: the rules refuse the result.
    """
    seen = read_bert_extremes(build / "calibrate" / RANGES)
    with ModelFolder(build / GRAPHS) as models:
        for bucket in buckets:
            graph = load(build / "export_onnx" / f"{BERT}_{bucket.name}.onnx")
            extremes = norm_extremes(graph, seen)
            halved = fit_norms_to_half(graph, extremes)
            refuse_what_half_precision_loses(f"{BERT} {bucket.name}", GraphView.of(halved), extremes)
            models.save(halved, f"{BERT}_{bucket.name}")


def refuse_what_half_precision_loses(where: str, view: GraphView, extremes: Extremes) -> None:
    """That every rule of target `qnn` takes a graph whose largest values are known.

    Raises:
        CoverageError: a rule refuses a node; the error has the first.
    """
    verdict = check_qnn(view, extremes)
    if not verdict.covered:
        raise CoverageError(
            where,
            expected="a graph that HTP computes in half precision",
            got=str(verdict.refusals[0]),
            todo=f"See quantize/text/half_norms.py; {len(verdict.refusals)} nodes are refused.",
        )


def read_bert_extremes(ranges: Path) -> Extremes:
    """The largest absolute value that calibration saw of each value of `bert`.

    Raises:
        CoverageError: the file is damaged, or calibration left `bert` out.
    """
    try:
        rows = json.loads(ranges.read_text(encoding="utf-8"))[BERT]
        return {name: max(abs(low), abs(high)) for name, row in rows.items() for low, high in [row["raw"]]}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise CoverageError(
            str(ranges),
            expected=f"[low, high] of each value of {BERT}",
            got=f"{type(error).__name__}: {error}"[:120],
            todo="Run `python -m calibrate` again.",
        ) from error


def sources_of(build: Path, graphs: Sequence[ContextGraph]) -> dict[str, str]:
    """sha256 of everything that contexts are made from, by path in the build folder."""
    files = [graph.path for graph in graphs if graph.stage != BERT]
    files += [build / "export_onnx" / f"{graph.name}.onnx" for graph in graphs if graph.stage == BERT]
    files += [build / "export_onnx" / WEIGHTS_FILE, build / "quantize" / "qnn" / WEIGHTS_FILE]
    files += [build / "calibrate" / RANGES]
    return {file.relative_to(build).as_posix(): sha256(file) for file in sorted(files)}
