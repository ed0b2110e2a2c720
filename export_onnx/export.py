"""A stage of the original model -> its ONNX graph for one bucket.

The exporter is torch's TorchScript one (`dynamo=False`): on a block of norms and convolutions it took 0.8 s where the
newer took 12 s, and its node names are the modules' paths, which block-lists and reports rely on. torch is pinned.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

import onnx
import torch
from kokoro.model import KModel

from export_onnx import contracts
from export_onnx.contracts import Bucket, Port
from export_onnx.simplify import OPSET, simplify
from export_onnx.stages import build_stage


def export_stage(name: str, model: KModel, config: dict[str, Any], bucket: Bucket) -> onnx.ModelProto:
    """The checked graph of one stage at one bucket, weights inside.

    Args:
        name: of a stage in `contracts.STAGES`.
        model: the original; left as it is.
        config: the checkpoint's, for the widths.
        bucket: any whose frames and tokens are multiples of 8, shipped or not.

    Raises:
        ContractError: the graph does not keep the contract.
    """
    stage, sizes = contracts.stage(name), contracts.sizes(config, bucket)
    module = build_stage(name, model, bucket)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Shapes are numbers here: what the tracer warns about (a size used as a number) is meant.
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # the exporter chosen above
        warnings.filterwarnings("ignore", message=".*Constant folding.*")
        torch.onnx.export(
            module,
            tuple(_example(port, sizes) for port in stage.inputs),
            buffer,  # type: ignore[arg-type]  # the TorchScript exporter writes to any file object
            dynamo=False,
            opset_version=OPSET,
            input_names=[port.name for port in stage.inputs],
            output_names=[port.name for port in stage.outputs],
        )
    traced = onnx.load_from_string(buffer.getvalue())
    traced.graph.name = f"{name}_{bucket.name}"
    return simplify(traced, stage, sizes, bucket)


def _example(port: Port, sizes: dict[str, int]) -> torch.Tensor:
    """Ones of the port's shape: the graph does not depend on values."""
    return torch.ones(port.resolve(sizes), dtype=torch.int32 if port.dtype == "int32" else torch.float32)
