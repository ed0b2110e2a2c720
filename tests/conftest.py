"""Small models, made once for all tests: the loader's real path, random weights, a two-second bucket."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

# Small models gain nothing from a second thread, and threads that wait in a loop for each other take the processor from
# the test beside. Set before torch is loaded; processes that tests start inherit it.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import torch

from android_test.device.linux_runner import fetch_headers
from export_onnx.__main__ import write_checkpoint_data
from export_onnx.buckets import DYNAMIC, Bucket
from export_onnx.checkpoint.weights import Weights, load_weights
from export_onnx.contracts import STAGES, VOCODER, sizes
from export_onnx.errors import DeviceError
from export_onnx.graph.export import export_stages
from export_onnx.graph.merge import merge
from export_onnx.graph.shared_weights import ModelFolder
from quantize.ops.build_library import ops_library
from tests.android_test.linux_device import MAKING, WORK
from tests.built_once import one_at_a_time


@dataclass(frozen=True)
class Small:
    """The random-small checkpoint and its exported stages."""

    weights: Weights
    folder: Path  # <stage>_2s.onnx, kokoro_2s.onnx, weights.bin, config.json, voices/
    bucket: Bucket

    @property
    def style(self) -> torch.Tensor:
        """A voice row, [1, 256]."""
        return self.weights.voices["random_a"][20:21]


def export_all(weights: Weights, folder: Path, *buckets: Bucket) -> None:
    """Every stage of each bucket, and the merged file of each fixed one, into `folder`."""
    with ModelFolder(folder) as models:
        for bucket in buckets:
            names = [*(stage.name for stage in STAGES), VOCODER.name]
            graphs = export_stages(names, weights.model, weights.config, bucket)
            if not bucket.dynamic:
                graphs["kokoro"] = merge(graphs, sizes(weights.config, bucket), bucket)
            for name, graph in graphs.items():
                models.save(graph, f"{name}_{bucket.name}")


@pytest.fixture(scope="session")
def weights_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where seeded checkpoints are written."""
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="session")
def small(weights_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Small:
    weights = load_weights("random-small", weights_cache)
    folder, bucket = tmp_path_factory.mktemp("stages"), Bucket(2, 48)
    export_all(weights, folder, bucket)
    write_checkpoint_data(weights, folder)
    return Small(weights, folder, bucket)


@pytest.fixture(scope="session")
def free(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The same checkpoint with free lengths: <stage>_any.onnx."""
    folder = tmp_path_factory.mktemp("free")
    export_all(small.weights, folder, DYNAMIC)
    return Small(small.weights, folder, DYNAMIC)


@pytest.fixture(scope="session")
def ops_headers() -> Path:
    """The folder of ONNX Runtime's C API, as the runner's build keeps it."""
    try:
        with one_at_a_time(MAKING):
            return fetch_headers((WORK / "runner" / "apt").resolve())
    except DeviceError as error:
        pytest.skip(f"no headers of ONNX Runtime here: {error}")


@pytest.fixture(scope="session")
def ops(ops_headers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of fused operators for this computer; `compare_paths` is beside it."""
    program = Path(__file__).parent / "quantize" / "compare_paths.cpp"
    try:
        return ops_library(ops_headers, tmp_path_factory.mktemp("ops"), program=program)
    except DeviceError as error:
        pytest.skip(f"the fused operators cannot be built here: {error}")
