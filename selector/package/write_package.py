"""Writes one package into a temporary folder, the manifest last, and opens the result as a check."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from export_onnx.graph.shared_weights import WEIGHTS_FILE
from export_onnx.provenance import sha256
from selector.package.build_inputs import BuildInputs, TargetInputs, bucket_contracts
from selector.package.compose_manifest import TOKENIZER, VOICES, PackagePlan, compose_manifest
from selector.package.fused_inputs import FusedInputs
from selector.package.manifest import MANIFEST, SCHEMA, File, json_schema
from selector.package.notice import notice
from selector.package.opened import Package
from selector.package.packaged_models import MODELS, check_models, read_models
from selector.package.strict_schema import dumps
from selector.package.whole_files import copy_all, whole_folder
from selector.page.packaged import PAGE
from selector.text.tokenizer import build_tokenizer

LICENSE: Final = Path(__file__).parent.parent.parent / "LICENSE"


def write_package(plan: PackagePlan, target: TargetInputs, dist: Path) -> Package:
    """Writes `dist/kokoro-npu-<weights>-<version>-<target>/` and opens it, which checks every hash.

    Raises:
        PackageError: a model is missing or damaged, or the folder cannot be written.
    """
    final = dist / plan.package_name(target.target)
    buckets = bucket_contracts(plan.inputs, MODELS, target.buckets)
    models = read_models(buckets, target.models)  # before anything is written
    with whole_folder(final) as folder:
        copy_all(copied_files(target), folder)
        for path, content in (models | fused_contents(target)).items():
            (folder / path).write_bytes(content)
        check_models(folder, buckets)
        write_made_files(plan.inputs, folder)
        manifest = compose_manifest(plan, target, models, listed_files(folder))
        (folder / MANIFEST).write_text(dumps(manifest.model_dump(mode="json")), encoding="utf-8", newline="\n")
    return Package.open(final)


def copied_files(target: TargetInputs) -> dict[str, Path]:
    """The files that a package copies unchanged: path in the package -> source file."""
    files = {f"{MODELS}/{WEIGHTS_FILE}": target.models / WEIGHTS_FILE}
    if isinstance(target.fused, FusedInputs):
        files |= {path: target.fused.libraries[name] for name, path in target.fused.packaged_libraries().items()}
    return files | {PAGE: target.page} if target.page else files


def fused_contents(target: TargetInputs) -> dict[str, bytes]:
    """The fused models by their path in the package. ONNX's checker does not know their operators."""
    return dict(target.fused.contents) if isinstance(target.fused, FusedInputs) else {}


def write_made_files(inputs: BuildInputs, folder: Path) -> None:
    """Writes tokenizer, voices, LICENSE, NOTICE and the manifest's schema; text has the same line ends everywhere."""
    tokenizer = build_tokenizer(inputs.config["vocab"])
    (folder / TOKENIZER).write_bytes(tokenizer.SerializeToString(deterministic=True))
    (folder / VOICES).mkdir()
    for name, voice in inputs.voices.items():
        (folder / VOICES / f"{name}.f32").write_bytes(voice.astype("<f4").tobytes())
    # A checkout on Windows may have other line ends, which reading makes alike.
    (folder / "LICENSE").write_text(LICENSE.read_text(encoding="utf-8"), encoding="utf-8", newline="\n")
    (folder / "NOTICE").write_text(notice(inputs.weights), encoding="utf-8", newline="\n")
    (folder / SCHEMA).write_text(json_schema(), encoding="utf-8", newline="\n")


def listed_files(folder: Path) -> dict[str, File]:
    """Every file of a folder with size and hash, by path, except for the manifest, which lists the others."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {p.relative_to(folder).as_posix(): File(size=p.stat().st_size, sha256=sha256(p)) for p in files}
