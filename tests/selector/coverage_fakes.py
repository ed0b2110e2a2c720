"""Coverage reports that nothing was measured for: their verdicts are exactly those that the levels asked for need."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from export_onnx.contracts import NPU_STAGES, STAGES
from export_onnx.graph.shared_weights import WEIGHTS_FILE
from export_onnx.provenance import sha256
from selector.package.coverage_schema import LEVELS, REPORT_FOLDER
from selector.package.providers import NPU

WORK = {stage.name: 10 * (1 + i) for i, stage in enumerate(STAGES)}
COMPILATION = {
    "covered": True,
    "model": "generator_5s.onnx",
    "soc": "SM8550",
    "outcome": "compiled",
    "reason": "",
    "seconds": 3.5,
    "cpu_seconds": 3.0,
    "peak": 1000,
    "nodes": 3,
    "nodes_on_npu": 3,
    "subgraphs": 1,
    "context": 0,
    "run_seconds": 0.0,
}
SIMULATED = {
    "agrees": True,
    "compilation": COMPILATION,
    "decibels": {"spectrum": 51.5},
    "floor": 40.0,
    "blocks": {},
    "sha256": "",
}
REFUSAL = {"node": "Conv_1", "op": "Conv", "rule": "2-D", "value": "1-D", "hint": "Reshape.", "basis": "provider"}


def fake_verdicts(levels: Sequence[str]) -> dict[str, Any]:
    """The part of a variant that proves these levels and no more."""
    covered = "rules" in levels
    rules = {"covered": covered, "taken": 3 if covered else 2, "nodes": 3, "partitions": [3] if covered else [2]}
    return {
        "multiply_adds": 1000,
        "proven": list(levels),
        "rules": rules | {"refusals": [] if covered else [REFUSAL], "dropped": [], "conditions": []},
        "lost_by_basic_optimizations": [],
        "compiled": [COMPILATION] if "compiled" in levels else [],
        "simulated": SIMULATED if "simulated" in levels else None,
    }


def fake_coverage(
    build: Path, proven: Mapping[str, Mapping[str, Sequence[str]]], required: str = "rules", target: str = "nnapi"
) -> Path:
    """Writes the report of a run over `build/quantize/<target>`; returns its file.

    Args:
        proven: stage -> bucket -> levels.
    """
    models = build / "quantize" / target
    variants = [
        {"target": target, "stage": stage, "bucket": bucket, "file": file, "sha256": sha256(models / file)}
        | fake_verdicts(levels)
        for stage, buckets in proven.items()
        for bucket, levels in buckets.items()
        for file in [f"{stage}_{bucket}.onnx"]
    ]
    buckets = list(dict.fromkeys(one["bucket"] for one in variants))
    report = {
        "stages": list(NPU_STAGES),
        "required": required,
        "passed": all(required in one["proven"] for one in variants),
        "levels": list(LEVELS),
        "feature_level": 30,
        "socs": [],
        "conditions": ["it rains"],
        "providers": {target: asdict(NPU[target])},
        "share_of_multiply_adds_on_npu": {target: dict.fromkeys(buckets, 0.899)},
        "multiply_adds": {target: dict.fromkeys(buckets, WORK)},
        "variants": variants,
        "versions": {"onnx": "1"},
        "signature": hashlib.sha256(b"fake").hexdigest(),
        "weights": {target: sha256(models / WEIGHTS_FILE)},
    }
    file = build / REPORT_FOLDER / "report.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report), encoding="utf-8")
    return file
