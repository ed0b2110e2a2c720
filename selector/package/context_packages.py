"""`python -m selector contexts`: for each chip whose contexts were made, `…-qnn-<chip>` and its place in an AI pack.

Such a package is the package for `qnn`, whose models on the NPU are replaced by the chip's contexts (`bert` among
them). What both have in common is copied from that package: voices, tokenizer, and the models of the CPU's stages. So
it is refused where it was not made from the very models that the contexts were made from.

    models/<stage>_<bucket>.onnx   on the NPU an EPContext model, and beside it `.json`, its record
    models/*.bin                   the contexts' weights, shared by all of them; `weights.bin` has the other stages'
    manifest.json                  `contexts`: chip, compiler, SDK and runtime versions, options, proof
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from export_onnx import console
from export_onnx.errors import PackageError
from export_onnx.graph.shared_weights import ModelFolder, load
from selector.package import manifest as schema
from selector.package.ai_pack import write_ai_pack
from selector.package.archive import write_aar, write_zip
from selector.package.context_schema import CONTEXTS_FOLDER, ChipContexts, chips_made, read_contexts
from selector.package.manifest import MANIFEST, Manifest
from selector.package.opened import Package
from selector.package.packaged_models import MODELS
from selector.package.receipt_schema import Receipt
from selector.package.receipts import PackagedTarget, devices_section, read_receipts
from selector.package.strict_schema import dumps
from selector.package.whole_files import copy_all, whole_folder
from selector.package.write_package import listed_files
from selector.page.packaged import PAGE

PLAIN: Final = "qnn"  # the target whose package the others are made from
LEFT_OUT: Final = (PAGE,)  # it shows the models that are replaced


@dataclass(frozen=True)
class ContextPackage:
    """One package on disk."""

    chip: str
    folder: Path
    manifest: Manifest


def make_context_packages(
    build: Path, dist: Path, plain: Path, chips: Sequence[str] = (), receipts: Sequence[Path] = ()
) -> list[ContextPackage]:
    """Makes the package of each chip, its zip and AAR, and one AI pack of all.

    Args:
        plain: the folder of the package for `qnn`.
        chips: by name; by default all whose contexts are complete.
        receipts: JSON files of `android_test verify`; those of plain models are left to `make package`.

    Raises:
        PackageError: there are no contexts, or they are of other models than `plain`, a file is damaged, or a receipt
            is refused.
    """
    chosen = list(chips) or chips_made(build)
    if not chosen:
        raise PackageError(
            str(build / CONTEXTS_FOLDER), expected="contexts of a chip", got="none", todo="Run `make contexts`."
        )
    base = Package.open(plain)
    if base.manifest.target != PLAIN or base.manifest.contexts is not None:
        raise PackageError(
            str(plain), expected=f"the package for {PLAIN}", got=base.manifest.package, todo="Name its folder."
        )
    buckets = [bucket.name for bucket in base.manifest.buckets]
    contexts = {chip: read_contexts(build, chip, buckets) for chip in chosen}
    for chip, one in contexts.items():
        refuse_other_models(base, chip, one)
    told = receipts_of_contexts(receipts, chosen)
    made = [write_context_package(build, dist, base, one, told[chip]) for chip, one in contexts.items()]
    for package in made:
        size = sum(file.size for file in package.manifest.files.values())
        proof = package.manifest.contexts.proof if package.manifest.contexts else None
        proven = "nobody has proven the contexts" if proof is None else proof.in_words()
        archives = (write_zip(package.folder), write_aar(package.folder, f"{PLAIN}-{package.chip.lower()}"))
        console.say(f"{package.folder}: {size / 1e6:.1f} MB, {', '.join(file.name for file in archives)}; {proven}")
    pack = write_ai_pack(dist, {package.chip: package.folder for package in made})
    console.say(f"{pack}: an AI pack for Google Play")
    return made


def receipts_of_contexts(files: Sequence[Path], chips: Sequence[str]) -> dict[str, list[Receipt]]:
    """The receipts of each chip's contexts, by chip.

    Raises:
        PackageError: a receipt is damaged, or is of contexts for a chip that is not among `chips`.
    """
    found: dict[str, list[Receipt]] = {chip: [] for chip in chips}
    for receipt in read_receipts(files):
        if not receipt.contexts_for:
            console.say(f"the receipt of {receipt.package} is not of contexts: `make package` takes it")
        elif receipt.contexts_for not in found:
            raise PackageError(
                f"receipt of {receipt.package}",
                expected=f"contexts for {', '.join(chips)}",
                got=f"contexts for {receipt.contexts_for}",
                todo="Name its chip in SOCS, or leave the receipt out.",
            )
        else:
            found[receipt.contexts_for].append(receipt)
    return found


def refuse_other_models(base: Package, chip: str, contexts: ChipContexts) -> None:
    """That the contexts were made from the very models of the plain package.

    Raises:
        PackageError: another model, or other weights.
    """
    listed = base.manifest.files
    for path, digest in contexts.sources.items():
        step, _, name = path.rpartition("/")
        if step == f"quantize/{PLAIN}" and listed[f"{MODELS}/{name}"].sha256 != digest:
            raise PackageError(
                f"contexts for {chip}",
                expected=f"contexts of the models in {base.manifest.package}",
                got=f"contexts of another {name}",
                todo="Run `make contexts` again; it makes the package first.",
            )
    if contexts.contexts.proof is not None and not contexts.contexts.proof.holds:
        raise PackageError(
            f"contexts for {chip}",
            expected="contexts whose proof holds, or that nobody tried",
            got=contexts.contexts.proof.in_words()[:300],
            todo="See what the simulation computes: `python -m android_test coverage --require simulated`.",
        )


def write_context_package(
    build: Path, dist: Path, base: Package, contexts: ChipContexts, receipts: Sequence[Receipt] = ()
) -> ContextPackage:
    """Writes one chip's folder, and opens it as a check.

    Raises:
        PackageError: a file cannot be written, or a receipt is refused.
    """
    chip = contexts.contexts.chip
    final = dist / f"{base.manifest.package}-{chip.lower()}"
    source = build / CONTEXTS_FOLDER / chip
    replaced = set(contexts.models)
    with whole_folder(final) as folder:
        kept = [path for path in base.manifest.files if not path.startswith(f"{MODELS}/") and path not in LEFT_OUT]
        copy_all({path: base.folder / path for path in kept}, folder)
        with ModelFolder(folder / MODELS) as models:
            for bucket in base.manifest.buckets:
                for stage, path in bucket.models.items():
                    if stage not in replaced:
                        models.save(load(base.folder / path), Path(path).stem)
        copy_all({f"{MODELS}/{name}": source / name for name in contexts.files}, folder)
        manifest = context_manifest(base.manifest, final.name, contexts, folder)
        devices = devices_section(receipts, {PLAIN: PackagedTarget.of(manifest)})
        manifest = schema.parse(json.dumps(manifest.model_dump(mode="json") | {"devices": devices}), final.name)
        (folder / MANIFEST).write_text(dumps(manifest.model_dump(mode="json")), encoding="utf-8")
    opened = Package.open(final)
    return ContextPackage(chip, final, opened.manifest)


def context_manifest(base: Manifest, name: str, contexts: ChipContexts, folder: Path) -> Manifest:
    """The plain package's manifest with the chip's contexts in it.

    What was proven of the plain models, by coverage or by phones, is not said of the contexts, which have receipts of
    their own.

    Raises:
        PackageError: the result breaks the schema.
    """
    value: dict[str, Any] = base.model_dump(mode="json")
    value["package"] = name
    value["contexts"] = contexts.contexts.model_dump(mode="json")
    value["coverage"] = value["devices"] = None
    for stage in value["stages"]:
        stage["runs_on"] = "npu" if stage["name"] in contexts.models else "cpu"
    for bucket in value["buckets"]:
        for stage, files in contexts.models.items():
            bucket["models"][stage] = f"{MODELS}/{files[bucket['name']]}"
    value["files"] = {path: file.model_dump() for path, file in listed_files(folder).items()}
    return schema.parse(json.dumps(value), name)
