"""Chooses, once per opened package, whether its stages run with fused operators or with ONNX Runtime's own.

Fused operators run where the package has a library for this platform whose hash and version are the manifest's, and
ONNX Runtime loads the library and every fused model. Elsewhere the stock models run, and the choice has the reason.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from export_onnx.errors import ContractError
from export_onnx.provenance import sha256
from export_onnx.run.chain import Chain
from quantize.ops.platforms import this_platform
from selector.package.fused_schema import FusedModels
from selector.package.manifest import Manifest


@dataclass(frozen=True)
class OperatorChoice:
    """The operators that a package's stages run with here.

    Attributes:
        fused: whether they are the fused ones.
        reason: in one line.
        chains: by the name of the bucket.
    """

    fused: bool
    reason: str
    chains: Mapping[str, Chain]


def choose_operators(
    folder: Path, manifest: Manifest, chains: Mapping[str, Chain], stock: bool = False
) -> OperatorChoice:
    """The chains of a package, with fused operators where that is possible.

    A library that ONNX Runtime refuses, or whose operators do not fit the models, is a reason for the stock models and
    no error. The sessions of the fused models are open then, so that no later one fails.

    Args:
        chains: of the stock models, by the name of the bucket.
        stock: whether to take ONNX Runtime's own operators in any case.
    """
    fused, platform = manifest.fused, this_platform()
    if fused is None:
        return OperatorChoice(False, "the package has stock operators alone", chains)
    if stock:
        return OperatorChoice(False, "stock operators were asked for", chains)
    if platform not in fused.libraries:
        return OperatorChoice(False, f"the package has no library for {platform}", chains)
    library = folder / fused.libraries[platform]
    if not library.is_file() or sha256(library) != manifest.files[fused.libraries[platform]].sha256:
        got = "changed" if library.is_file() else "missing"
        return OperatorChoice(False, f"{fused.libraries[platform]} is {got}", chains)
    if refused := version_refusal(library, fused.version):
        return OperatorChoice(False, f"{fused.libraries[platform]} {refused}", chains)
    quick = fused_chains(folder, fused, chains, library)
    try:
        for bucket, stages in fused.models.items():
            for stage in stages:
                quick[bucket].session(stage)
    except ContractError as error:
        return OperatorChoice(False, f"ONNX Runtime refuses {fused.libraries[platform]}: {error.got}", chains)
    return OperatorChoice(True, fused.libraries[platform], quick)


def version_refusal(library: Path, wanted: int) -> str:
    """Why the library is not of the wanted version of the operators; empty where it is.

    ONNX Runtime does not compare versions: it would run operators of another meaning.
    """
    try:
        version = int(ctypes.CDLL(str(library)).kokoro_npu_ops_version())
    except OSError as error:
        return f"does not load: {error}"[:200]
    except AttributeError:
        return "does not say its version"
    return "" if version == wanted else f"has operators of version {version}, and the models need {wanted}"


def fused_chains(folder: Path, fused: FusedModels, chains: Mapping[str, Chain], library: Path) -> dict[str, Chain]:
    """The chains with the fused models in place of the stock ones, and the library in their sessions."""
    made = {}
    for name, chain in chains.items():
        files = {stage: folder / path for stage, path in fused.models.get(name, {}).items()}
        settings = replace(chain.settings, libraries=(*chain.settings.libraries, library))
        made[name] = Chain(chain.folder, chain.bucket, {**chain.files, **files}, settings)
    return made
