"""Packages per chip: the plain package's files around the chip's contexts; refused where both are not of one build."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path
from typing import Any

import onnx
import pytest
from pydantic import ValidationError

from export_onnx.buckets import BUCKETS
from export_onnx.clean import packages_to_delete
from export_onnx.errors import PackageError
from export_onnx.graph.shared_weights import load
from selector.__main__ import main
from selector.package.context_packages import make_context_packages
from selector.package.context_schema import ContextProof, PackagedContexts, ProvenStage
from selector.package.make_packages import make_packages
from selector.package.opened import Package
from selector.package.receipt_schema import Receipt
from selector.package.receipts import PackagedTarget, check_receipt
from tests.selector.context_fakes import STAGES, fake_contexts, proof
from tests.selector.coverage_fakes import fake_coverage
from tests.selector.receipt_fakes import chain, device, receipt, stage
from tests.selector.selector_fakes import make_build

pytestmark = pytest.mark.usefixtures("few_texts")
PLAIN = "kokoro-npu-fake-0.1.0-qnn"
PACK = "kokoro-npu-ai-pack"


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path]:
    """A build with contexts of two chips, and `dist` with the plain package."""
    build, dist = make_build(tmp_path / "build", ("qnn",)), tmp_path / "dist"
    levels = {bucket.name: ["rules"] for bucket in BUCKETS}
    fake_coverage(build, {"bert": levels, "decoder": levels, "generator": levels}, "rules", "qnn")
    make_packages(build, dist, ["qnn"], "0.1.0", "python -m selector package")
    for chip in ("SM8550", "SM8750"):
        fake_contexts(build, chip, proof(chip))
    return build, dist


def test_a_package_per_chip_and_what_it_takes_from_the_plain_one(
    made: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    build, dist = made
    assert main(["contexts", "--build", str(build), "--dist", str(dist)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "bert bit for bit (62.0 dB of the CPU)" in said
    assert "shared: only a phone" in said
    plain, chip = Package.open(dist / PLAIN), Package.open(dist / f"{PLAIN}-sm8750")
    contexts = chip.manifest.contexts
    assert contexts is not None
    assert (contexts.chip, contexts.soc_model, contexts.sdk) == ("SM8750", 69, "v2.51.0.1")
    assert chip.manifest.package == f"{PLAIN}-sm8750"
    assert (dist / f"{PLAIN}-sm8750.zip").is_file()
    runs = {stage.name: stage.runs_on for stage in chip.manifest.stages}
    assert [name for name, where in runs.items() if where == "npu"] == list(STAGES)
    assert {stage.name: stage.runs_on for stage in plain.manifest.stages}["bert"] == "cpu"
    assert chip.manifest.coverage is None
    assert plain.manifest.coverage is not None
    for path, file in plain.manifest.files.items():
        if path.startswith("voices/"):
            assert chip.manifest.files[path] == file
    for bucket in chip.manifest.buckets:
        node = onnx.load(chip.folder / bucket.models["generator"]).graph.node[0]
        assert node.op_type == "EPContext"
        assert (chip.folder / "models" / node.attribute[0].s.decode()).read_bytes() == b"SM8750"
        cpu = load(chip.folder / bucket.models["duration"])
        assert cpu == load(plain.folder / bucket.models["duration"])
    weights = "models/weights.bin"
    assert chip.manifest.files[weights].size <= plain.manifest.files[weights].size, "without those of the NPU"
    with pytest.raises(PackageError, match=r"contexts for SM8750, which only that chip runs\. Speak with the package"):
        chip.synthesize("Hello.")


def test_an_app_takes_a_chips_package_as_an_archive_with_a_namespace_of_its_own(made: tuple[Path, Path]) -> None:
    build, dist = made
    make_context_packages(build, dist, dist / PLAIN)
    android = "{http://schemas.android.com/apk/res/android}"
    spaces = set()
    for name, target in ((PLAIN, "qnn"), (f"{PLAIN}-sm8550", "qnn-sm8550"), (f"{PLAIN}-sm8750", "qnn-sm8750")):
        with zipfile.ZipFile(dist / f"{name}.aar") as archive:
            root = ET.fromstring(archive.read("AndroidManifest.xml"))
            inside = json.loads(archive.read(f"assets/kokoro-npu/{target}/manifest.json"))
        assert inside["package"] == name
        spaces.add(root.get("package"))
        needed = [(e.get(f"{android}name"), e.get(f"{android}required")) for e in root.iter("uses-native-library")]
        assert needed == [("libcdsprpc.so", "false")]
    assert spaces == {f"io.github.kokoronpu.{name}" for name in ("qnn", "qnn_sm8550", "qnn_sm8750")}


def receipt_of_contexts(dist: Path, chip: str = "SM8550", **change: Any) -> Receipt:
    """A phone's receipt of a chip's package, on which every context holds."""
    target = PackagedTarget.of(Package.open(dist / f"{PLAIN}-{chip.lower()}").manifest)
    rows = [
        stage(name, bucket, "qnn", STAGES).model_copy(update={"second_load_ms": 0.5, "floor": target.floors[name]})
        for bucket in target.buckets
        for name in target.floors
    ]
    whole = receipt("qnn", target.models_sha256, stages=rows, contexts_for=chip, device=device(soc=chip))
    heard = {"frames_per_token": 200.0, "n_frames": 200.0, "waveform": 50.0}
    return whole.model_copy(update={"chain": chain(bucket=target.buckets[0], decibels=heard), **change})


def test_receipts_of_contexts_go_into_their_chips_manifest(
    made: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build, dist = made
    make_context_packages(build, dist, dist / PLAIN)
    assert Package.open(dist / f"{PLAIN}-sm8550").manifest.devices is None
    file = tmp_path / "receipt.json"
    whole = receipt_of_contexts(dist)
    file.write_text(whole.model_dump_json())
    make_context_packages(build, dist, dist / PLAIN, receipts=[file])
    devices = Package.open(dist / f"{PLAIN}-sm8550").manifest.devices
    assert devices is not None
    assert (devices.socs["SM8550"].verified, devices.socs["SM8550"].use) == (["qnn"], "qnn")
    assert Package.open(dist / f"{PLAIN}-sm8750").manifest.devices is None
    make_packages(build, dist, ["qnn"], "0.1.0", "python -m selector package", [file])
    assert Package.open(dist / PLAIN).manifest.devices is None, "not said of the plain models"
    assert "of contexts: `make contexts` takes it" in " ".join(capsys.readouterr().out.split())
    plain = receipt("qnn").model_dump_json()
    file.write_text(plain)
    make_context_packages(build, dist, dist / PLAIN, receipts=[file])
    assert "`make package` takes it" in " ".join(capsys.readouterr().out.split())
    file.write_text(whole.model_dump_json())
    with pytest.raises(PackageError, match="expected contexts for SM8750, got contexts for SM8550"):
        make_context_packages(build, dist, dist / PLAIN, ["SM8750"], [file])


def test_a_receipt_of_contexts_that_does_not_follow_is_refused(made: tuple[Path, Path], tmp_path: Path) -> None:
    build, dist = made
    make_context_packages(build, dist, dist / PLAIN)
    file, whole = tmp_path / "receipt.json", receipt_of_contexts(dist)

    def refused(match: str, **change: Any) -> None:
        file.write_text(whole.model_copy(update=change).model_dump_json())
        with pytest.raises(PackageError, match=match):
            make_context_packages(build, dist, dist / PLAIN, ["SM8550"], [file])

    once = [one.model_copy(update={"second_load_ms": None}) for one in whole.stages]
    refused("bert 3s: expected the times of two loads of its context, got 1.0 and None ms", stages=once)
    refused("run on that chip, got contexts for SM8550 on SM8650", device=device(soc="SM8650"))
    refused("run on that chip, got contexts for SM8550 on an unnamed chip", device=device(soc=""))
    refused("expected models of", models_sha256="0" * 64)
    loud = [one.model_copy(update={"conditions": {}}) for one in whole.stages]
    refused("which follows from its evidence", stages=loud)
    other = PackagedTarget.of(Package.open(dist / f"{PLAIN}-sm8550").manifest)
    with pytest.raises(PackageError, match="contexts for SM8550, run on that chip, got contexts for no chip"):
        check_receipt(whole.model_copy(update={"contexts_for": ""}), {"qnn": other})


def test_google_play_gets_each_chips_files_and_nothing_for_others(made: tuple[Path, Path]) -> None:
    build, dist = made
    make_context_packages(build, dist, dist / PLAIN)
    assets = dist / PACK / "src" / "main" / "assets"
    assert {path.name for path in assets.iterdir()} == {
        "kokoro-npu#group_sm8550",
        "kokoro-npu#group_sm8750",
        "kokoro-npu#group_other",
    }
    assert Package.open(assets / "kokoro-npu#group_sm8550").manifest.package == f"{PLAIN}-sm8550"
    assert [path.name for path in (assets / "kokoro-npu#group_other").iterdir()] == ["README"]
    space = "{http://schemas.android.com/apk/config}"
    groups = ET.parse(dist / PACK / "device_targeting_config.xml").getroot().findall(f"{space}device-group")
    chips = {group.get("name"): list(group.iter(f"{space}system-on-chip")) for group in groups}
    found = {name: [(one.get("manufacturer"), one.get("model")) for one in ones] for name, ones in chips.items()}
    assert found["sm8750"] == [("QTI", "SM8750"), ("Qualcomm", "SM8750")]
    assert set(found) == {"sm8550", "sm8750"}
    assert "com.android.ai-pack" in (dist / PACK / "build.gradle").read_text()
    assert dist / PACK in packages_to_delete(str(dist))


def test_contexts_of_other_models_or_without_a_proof_that_holds_are_not_packaged(made: tuple[Path, Path]) -> None:
    build, dist = made
    report = build / "android_test" / "contexts" / "SM8550" / "report.json"
    whole = json.loads(report.read_text())

    def said(**changes: object) -> None:
        report.write_text(json.dumps({**whole, "contexts": {**whole["contexts"], "proof": proof("SM8550", **changes)}}))

    said(durations_hold=False, durations="frames per token change in 9 of 60 tokens")
    with pytest.raises(PackageError, match=r"contexts whose proof holds, .* got SM8550, .* change in 9 of 60 tokens"):
        make_context_packages(build, dist, dist / PLAIN, ["SM8550"])
    assert not (dist / f"{PLAIN}-sm8550").exists()
    said(compiler="0.0.1")
    with pytest.raises(PackageError, match="the proof is of another chip or compiler"):
        make_context_packages(build, dist, dist / PLAIN, ["SM8550"])
    report.write_text(json.dumps(whole))
    weights = build / "quantize" / "qnn" / "weights.bin"
    weights.write_bytes(weights.read_bytes() + b"\0")
    with pytest.raises(PackageError, match=r"got contexts of another quantize/qnn/weights\.bin"):
        make_context_packages(build, dist, dist / PLAIN, ["SM8550"])
    with pytest.raises(PackageError, match="expected the package for qnn"):
        make_context_packages(build, dist, make_cpu(build, dist))


def make_cpu(build: Path, dist: Path) -> Path:
    make_build(build, ("cpu",))
    make_packages(build, dist, ["cpu"], "0.1.0", "python -m selector package")
    return dist / "kokoro-npu-fake-0.1.0-cpu"


def test_contexts_of_a_newer_build_than_the_package_are_refused(made: tuple[Path, Path], tmp_path: Path) -> None:
    build, dist = made
    weights = build / "quantize" / "qnn" / "weights.bin"
    weights.write_bytes(weights.read_bytes() + b"\0")
    report = build / "android_test" / "contexts" / "SM8550" / "report.json"
    report.unlink()
    for file in report.parent.iterdir():
        file.unlink()
    report.parent.rmdir()
    fake_contexts(build, "SM8550")
    with pytest.raises(PackageError, match=r"contexts of the models in kokoro.*-qnn, got contexts of another weights"):
        make_context_packages(build, dist, dist / PLAIN, ["SM8550"])
    with pytest.raises(PackageError, match="expected contexts of a chip, got none"):
        make_context_packages(tmp_path / "empty", dist, dist / PLAIN)


STAGE = {
    "stage": "bert",
    "graph": "5s",
    "against_plain": "bit for bit",
    "plain_db": 200.0,
    "cpu_db": 62.0,
    "floor": 40.0,
}


@pytest.mark.parametrize(
    "planted",
    [{"cpu_db": 39.9}, {"plain_db": float("nan")}, {"against_plain": "different"}, {"floor": 0.0}, {"cpu_db": "62"}],
)
def test_a_verdict_that_does_not_follow_is_refused(planted: dict[str, object]) -> None:
    assert ProvenStage.model_validate(STAGE).cpu_db == 62.0
    with pytest.raises(ValidationError):
        ProvenStage.model_validate({**STAGE, **planted})


def test_no_proof_says_that_sharing_was_tried() -> None:
    whole = json.dumps(proof("SM8550"))
    assert ContextProof.model_validate_json(whole).holds
    assert not ContextProof.model_validate_json(json.dumps(proof("SM8550", stages=[]))).holds
    with pytest.raises(ValidationError):
        ContextProof.model_validate_json(json.dumps(proof("SM8550", shared="proven")))
    named = {"chip": "SM8550", "soc_model": 43, "htp_arch": 73, "compiler": "2.7.0", "sdk": "v2", "onnxruntime": "1"}
    named["options_of_graphs"] = {}
    options = {"soc_model": "43", "htp_arch": "73"}
    assert PackagedContexts.model_validate({**named, "options": options, "proof": None}).chip == "SM8550"
    with pytest.raises(ValidationError, match="the options name another chip"):
        PackagedContexts.model_validate({**named, "options": {**options, "soc_model": "57"}, "proof": None})
