"""Exports a stage of the original model as its ONNX graph for one bucket, fixed or dynamic.

The exporter is torch's TorchScript one (`dynamo=False`): on a block of norms and convolutions it took 0.8 s where the
newer took 12 s, and its node names are the modules' paths, which block-lists and reports rely on. torch is pinned.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterable
from typing import Any, Final

import onnx
import torch
from kokoro.model import KModel

from export_onnx import contracts
from export_onnx.buckets import Bucket
from export_onnx.contracts import Port, Stage
from export_onnx.graph.cut import name_features, shipped
from export_onnx.graph.simplify import OPSET, simplify
from export_onnx.graph.stages import build_stage

TRACED: Final = (24, 40)  # tokens and frames with which graphs of free lengths are traced; parity runs others


def export_stage(name: str, model: KModel, config: dict[str, Any], bucket: Bucket) -> onnx.ModelProto:
    """The checked graph of one stage at one bucket, weights inside.

    Args:
        name: the name of a stage in `contracts.STAGES`, or the vocoder's.
        model: the original; it is not changed.
        config: the checkpoint's, for the widths.
        bucket: any whose frames and tokens are multiples of 8, shipped or not; or a dynamic one.

    Raises:
        ContractError: the graph does not keep the contract.
    """
    whole, sizes = contracts.stage(name), contracts.sizes(config, bucket)
    if whole.made_from:
        return shipped(whole.made_from, export_stage(whole.made_from, model, config, bucket))[name]
    module, stage = build_stage(name, model, bucket), contracts.stage_in(whole, bucket)
    traced_sizes = contracts.sizes(config, bucket.holding(*TRACED))
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Shapes are numbers here: a size used as a number, of which the tracer warns, is intended.
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # the exporter chosen above
        warnings.filterwarnings("ignore", message=".*Constant folding.*")
        torch.onnx.export(
            module,
            tuple(_example(port, traced_sizes) if port in stage.inputs else None for port in whole.inputs),
            buffer,  # type: ignore[arg-type]  # the TorchScript exporter writes to any file object
            dynamo=False,
            opset_version=OPSET,
            input_names=[port.name for port in stage.inputs],
            output_names=[port.name for port in stage.outputs],
            dynamic_axes=_free_axes(stage) if bucket.dynamic else {},
        )
    traced = onnx.load_from_string(buffer.getvalue())
    traced.graph.name = f"{name}_{bucket.name}"
    simple = simplify(traced, stage, sizes, bucket)
    if whole is contracts.VOCODER:
        name_features(simple)
    return simple


def export_stages(
    names: Iterable[str],
    model: KModel,
    config: dict[str, Any],
    bucket: Bucket,
    advance: Callable[[str], None] = lambda name: None,
) -> dict[str, onnx.ModelProto]:
    """Several stages at one bucket, by name; the vocoder is traced once for itself and its halves.

    Args:
        names: as for `export_stage`.
        model, config, bucket: as for `export_stage`.
        advance: called with the name of each graph before it is exported.
    """
    wanted, graphs = list(names), dict[str, onnx.ModelProto]()
    for name in dict.fromkeys(contracts.stage(name).graph for name in wanted):
        advance(name)
        whole = export_stage(name, model, config, bucket)
        graphs |= {name: whole, **shipped(name, whole)}
    return {name: graphs[name] for name in wanted}


def _free_axes(stage: Stage) -> dict[str, dict[int, str]]:
    """Port -> axis -> the name of its free size."""
    axes = {port.name: port.shape for port in (*stage.inputs, *stage.outputs)}
    return {
        name: {axis: str(size) for axis, size in enumerate(shape) if size in contracts.FREE}
        for name, shape in axes.items()
    }


def _example(port: Port, sizes: dict[str, int]) -> torch.Tensor:
    """Ones of the port's shape: the graph does not depend on values."""
    return torch.ones(port.resolve(sizes), dtype=torch.int32 if port.dtype == "int32" else torch.float32)
