"""What a manifest says because of receipts: only what a phone proved, for the very models that are packaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from onnx import TensorProto, helper, numpy_helper

from export_onnx.contracts import BUCKETS, NPU_STAGES
from export_onnx.errors import PackageError
from selector.package import golden, make_packages
from selector.package.opened import Package
from selector.package.receipts import Receipt, devices_section, models_digest, read_receipts, verified_time
from tests.selector.coverage_fakes import fake_coverage
from tests.selector.selector_fakes import make_build

DIGEST = "1" * 64
COMMAND = "python -m selector package"


def stage(name: str, bucket: str, verdict: str = "verified", p50: float | None = 10.0) -> dict:
    return {
        "stage": name,
        "bucket": bucket,
        "provider": "nnapi",
        "verdict": verdict,
        "conditions": {},
        "reasons": [],
        "outcome": "finished",
        "decibels": {"d_en": 50.0},
        "floor": 40.0,
        "load_ms": 1.0,
        "first_run_ms": 1.0,
        "p50_ms": p50,
        "p95_ms": p50,
        "runs": 20,
        "cpu_p50_ms": 30.0,
        "real_time_factor": 0.01,
        "peak_mb": 100.0,
        "temperature": "",
    }


def receipt(target: str = "nnapi", soc: str = "SM8550", never: str = "", digest: str = DIGEST, **change) -> Receipt:
    buckets = ("5s", "10s")
    fields = {
        "receipt_version": 1,
        "made": "2026-01-01T00:00:00Z",
        "package": "kokoro-npu-fake",
        "target": target,
        "models_sha256": digest,
        "version": "0.1.0",
        "onnxruntime": "1.30.0",
        "runner_sha256": DIGEST,
        "device": {
            "model": "A phone",
            "manufacturer": "Somebody",
            "soc": soc,
            "android": "14",
            "api_level": 34,
            "abi": "arm64-v8a",
            "build": "b",
            "kernel": "k",
            "drivers": [],
            "never": never,
        },
        "battery": "",
        "temperature": {},
        "stages": [stage(name, bucket) for name in NPU_STAGES for bucket in buckets]
        + [stage("tail", bucket, "not an NPU") for bucket in buckets],
        "chain": None,
        "not_proven": [],
    }
    return Receipt.model_validate(fields | change)


def test_the_fastest_verified_target_is_used_and_the_cpu_elsewhere() -> None:
    faster = receipt("qnn", stages=[stage(n, b, p50=2.0) for n in NPU_STAGES for b in ("5s", "10s")])
    section = devices_section([receipt(), faster], {"nnapi": DIGEST, "qnn": DIGEST}, ["5s", "10s"])
    assert section == {"socs": {"SM8550": {"verified": ["nnapi", "qnn"], "use": "qnn"}}, "elsewhere": "cpu"}


@pytest.mark.parametrize(
    "planted",
    [
        receipt(never="an emulator"),
        receipt(stages=[stage("generator", "5s"), stage("generator", "10s", "not verified")]),
        receipt(stages=[stage("generator", "5s")]),
        receipt(stages=[stage("generator", "5s"), stage("generator", "10s", p50=None)]),
        receipt(stages=[stage("tail", b, "not an NPU") for b in ("5s", "10s")]),
        receipt("cpu"),
    ],
    ids=["emulator", "one not verified", "a bucket short", "never timed", "no NPU stage", "cpu"],
)
def test_what_is_not_verified_whole_does_not_count(planted: Receipt) -> None:
    assert verified_time(receipt(), ["5s", "10s"]) == 60.0
    assert verified_time(planted, ["5s", "10s"]) is None
    section = devices_section([planted], {planted.target: DIGEST}, ["5s", "10s"])
    assert section == {"socs": {"SM8550": {"verified": [], "use": "cpu"}}, "elsewhere": "cpu"}


def test_a_receipt_of_other_models_is_refused() -> None:
    with pytest.raises(PackageError, match="receipt of kokoro-npu-fake"):
        devices_section([receipt(digest="2" * 64)], {"nnapi": DIGEST}, ["5s"])
    with pytest.raises(PackageError, match="a target that is packaged now"):
        devices_section([receipt("qnn")], {"nnapi": DIGEST}, ["5s"])


def test_packaging_with_receipts_and_without(tmp_path: Path) -> None:
    """The digest that a receipt names is that of the finished package, and stays when the receipt is taken in."""
    build = make_build(tmp_path / "build", ("nnapi",))
    fake_coverage(build, {name: {bucket.name: ["rules"] for bucket in BUCKETS} for name in NPU_STAGES})
    make_packages.make_packages(build, tmp_path / "dist", ["nnapi"], "0.1.0", COMMAND)
    folder = tmp_path / "dist" / "kokoro-npu-fake-0.1.0-nnapi"
    manifest = Package.open(folder).manifest
    assert manifest.devices is None
    buckets = [bucket.name for bucket in manifest.buckets]
    stages = [stage(name, bucket) for name in NPU_STAGES for bucket in buckets]
    file = tmp_path / "receipt.json"
    file.write_text(receipt(digest=models_digest(manifest), stages=stages).model_dump_json(), encoding="utf-8")
    make_packages.make_packages(build, tmp_path / "dist", ["nnapi"], "0.1.0", COMMAND, [file])
    again = Package.open(folder).manifest
    assert again.devices is not None
    assert again.devices.socs["SM8550"].use == "nnapi"
    assert models_digest(again) == models_digest(manifest)
    make_packages.make_packages(build, tmp_path / "dist", ["nnapi"], "0.1.0", COMMAND)
    assert Package.open(folder).manifest.devices is None


def test_what_is_no_receipt_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    file.write_text(json.dumps(receipt().model_dump() | {"verified": True}), encoding="utf-8")
    with pytest.raises(PackageError, match=r"receipt\.json"):
        read_receipts([file])
    with pytest.raises(PackageError, match=r"nothing\.json"):
        read_receipts([tmp_path / "nothing.json"])


def quantizing(kind: int) -> bytes:
    x, y = (helper.make_tensor_value_info(name, t, (4,)) for name, t in (("x", TensorProto.FLOAT), ("y", kind)))
    zero = numpy_helper.from_array(helper.tensor_dtype_to_np_dtype(kind).type(0).reshape(()), "zero")
    scale = helper.make_tensor("scale", TensorProto.FLOAT, (), [0.1])
    graph = helper.make_graph([helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["y"])], "g", [x], [y])
    graph.initializer.extend([scale, zero])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]).SerializeToString()


@pytest.mark.parametrize(
    ("kind", "floor"), [(TensorProto.UINT8, 30.0), (TensorProto.INT8, 30.0), (TensorProto.UINT16, 40.0)]
)
def test_floors_follow_the_activations(kind: int, floor: float) -> None:
    assert golden.floor_for(quantizing(kind)) == floor
    fine = quantizing(TensorProto.UINT16)
    section = golden.golden_section({"generator": {"5s": fine, "10s": quantizing(kind)}, "tail": {"5s": fine}}, "a")
    assert section["floors"] == {"generator": floor, "tail": 40.0}
