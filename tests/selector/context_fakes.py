"""Contexts of a chip as `android_test contexts` leaves them, without a compiler: the binary is a few letters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from export_onnx.buckets import BUCKETS
from export_onnx.provenance import sha256
from selector.package.context_schema import CONTEXTS_FOLDER, ONLY_A_PHONE

STAGES = ("bert", "decoder", "generator")
NUMBERS = {"SM8550": (43, 73), "SM8750": (69, 79)}


def proof(chip: str, **changes: Any) -> dict[str, Any]:
    """A proof that holds."""
    stage = {"graph": "5s", "against_plain": "bit for bit", "plain_db": 200.0, "cpu_db": 62.0, "floor": 40.0}
    whole = {
        "chip": chip,
        "compiler": "2.7.0",
        "options": {"soc_model": str(NUMBERS[chip][0])},
        "stages": [{"stage": name, **stage} for name in STAGES],
        "sentences": 2,
        "durations": "frames per token change in 0 of 60 tokens",
        "durations_hold": True,
        "shared": ONLY_A_PHONE,
    }
    return whole | changes


def ep_context(name: str, binary: str) -> onnx.ModelProto:
    """A model with one EPContext node."""
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1,))
    node = helper.make_node(
        "EPContext", ["x"], ["y"], name, domain="com.microsoft", ep_cache_context=binary, ep_sdk_version="v2.51.0.1"
    )
    given = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1,))
    return helper.make_model(
        helper.make_graph([node], name, [value], [given]), opset_imports=[helper.make_opsetid("com.microsoft", 1)]
    )


def fake_contexts(build: Path, chip: str, said: dict[str, Any] | None = None) -> Path:
    """Makes `build/android_test/contexts/<chip>` of the models that lie in the build."""
    folder = build / CONTEXTS_FOLDER / chip
    folder.mkdir(parents=True)
    for stage in STAGES:
        for bucket in BUCKETS:
            name = f"{stage}_{bucket.name}"
            onnx.save(ep_context(name, "bert_5s_qnn.bin"), folder / f"{name}.onnx")
            (folder / f"{name}.json").write_text("{}")
    (folder / "bert_5s_qnn.bin").write_bytes(chip.encode())
    return report_contexts(build, chip, said)


def report_contexts(build: Path, chip: str, said: dict[str, Any] | None = None, sdk: str = "v2.51.0.1") -> Path:
    """Writes the report of the contexts that lie in `build/android_test/contexts/<chip>`."""
    folder = build / CONTEXTS_FOLDER / chip
    models = {stage: {bucket.name: f"{stage}_{bucket.name}.onnx" for bucket in BUCKETS} for stage in STAGES}
    soc_model, arch = NUMBERS[chip]
    files = {file.name: sha256(file) for file in sorted(folder.iterdir())}
    names = [f"quantize/qnn/{stage}_{bucket.name}.onnx" for stage in STAGES[1:] for bucket in BUCKETS]
    report = {
        "signature": "0" * 64,
        "contexts": {
            "chip": chip,
            "soc_model": soc_model,
            "htp_arch": arch,
            "compiler": "2.7.0",
            "sdk": sdk,
            "onnxruntime": "1.31.1",
            "options": {"soc_model": str(soc_model), "htp_arch": str(arch)},
            "options_of_graphs": {"decoder_10s": {"vtcm_mb": "6"}},
            "proof": said,
        },
        "models": models,
        "sources": {name: sha256(build / name) for name in (*names, "quantize/qnn/weights.bin")},
        "bytes": 1000,
        "compile_seconds": {},
        "peak": 1,
        "versions": {},
        "seconds": 1.0,
        "peak_memory_mb": 1,
        "files": files,
    }
    (folder / "report.json").write_text(json.dumps(report))
    return folder
