"""Fused models for the fake build of `selector_fakes.py`, whose sound is louder than the stock models', and libraries.

The fake decoder's features become bytes, and the operator Residual adds a quarter of those to the features themselves.
So a sound tells which models it was made with.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from export_onnx.graph.shared_weights import WEIGHTS_FILE, load, save_sharing, stored_places
from export_onnx.provenance import Report, sha256
from quantize.ops.build_library import OPS_LIBRARY
from quantize.ops.fused_ops import OPS_DOMAIN, OPS_VERSION, RESIDUAL
from quantize.ops.platforms import this_platform
from tests.quantize.adain_graphs import channels_last
from tests.selector.selector_fakes import QUALITY, WEIGHTS

LOUDER = 1.25  # features are whole numbers below 256, so that no byte is rounded


def louder(model: onnx.ModelProto, operator: str = RESIDUAL, by: float = LOUDER - 1) -> onnx.ModelProto:
    """The model with `by` times its output added to it by Residual, or by another operator of its domain."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph, (output,) = made.graph, model.graph.output
    for node in graph.node:
        for i, name in enumerate(node.output):
            if name == output.name:
                node.output[i] = "quiet"
    graph.node.append(helper.make_node("QuantizeLinear", ["quiet", "one_step", "no_zero"], ["quiet_bytes"]))
    inputs = ["quiet_bytes", "quarter", "no_zero", "", "quiet"]
    node = helper.make_node(operator, inputs, [output.name], domain=OPS_DOMAIN)
    graph.node.extend(channels_last(node, ("quiet_bytes", "quiet"), (output.name,)))
    for name, number in (("one_step", 1.0), ("quarter", by)):
        graph.initializer.append(numpy_helper.from_array(np.array(number, np.float32), name))
    graph.initializer.append(numpy_helper.from_array(np.array(0, np.uint8), "no_zero"))
    made.opset_import.append(helper.make_opsetid(OPS_DOMAIN, OPS_VERSION))
    return made


def add_fused(build: Path, library: Path, operator: str = RESIDUAL, by: float = LOUDER - 1) -> None:
    """`build/ops` and `build/quantize/cpu-fused`, as `make fused` leaves them."""
    source, folder = build / "quantize" / "cpu", build / "quantize" / "cpu-fused"
    (build / "ops").mkdir(exist_ok=True)
    shutil.copyfile(library, build / "ops" / OPS_LIBRARY)
    folder.mkdir()
    stock = source / "decoder_any.onnx"
    save_sharing(louder(load(stock), operator, by), folder / stock.name, stored_places([stock]))
    (folder / WEIGHTS_FILE).symlink_to(Path("..") / "cpu" / WEIGHTS_FILE)
    facts: dict[str, Any] = {
        "weights": WEIGHTS,
        "buckets": ["any"],
        "made_from": {"quantize/cpu": "s"},
        "domain": OPS_DOMAIN,
    }
    facts |= {"version": OPS_VERSION, "library": sha256(library), "fused": {"decoder": {"sums": 1}}}
    facts |= {"sound": {"fused": QUALITY["groups"]["all"]}}  # type: ignore[index]
    Report(folder, "f", facts).write()


def with_library(package: Path, folder: Path, content: bytes) -> Path:
    """A copy of the package with other bytes as this platform's library, whose hash is right."""
    shutil.copytree(package, folder)
    name = f"lib/{this_platform()}/{OPS_LIBRARY}"
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"][name] = {"size": len(content), "sha256": sha256(folder / name)}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def library_without_operators(work: Path, version: int | None = None) -> bytes:
    """A library that loads and has no `RegisterCustomOps`; it says a version where one is given."""
    said = "" if version is None else f"int kokoro_npu_ops_version(void) {{ return {version}; }}"
    (work / "empty.c").write_text(f"extern int nothing;\n{said}\n")
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no compiler")
    subprocess.run([compiler, "-shared", "-fPIC", work / "empty.c", "-o", work / "empty.so"], check=True)
    return (work / "empty.so").read_bytes()


def of_another_processor(library: Path) -> bytes:
    """The library with the word in its header that names the processor changed to SPARC's."""
    content = bytearray(library.read_bytes())
    content[18:20] = b"\x02\x00"
    return bytes(content)
