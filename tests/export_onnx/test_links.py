"""Weights that are links: a build copied by `cp -al`, a package in a hub's cache, weights on another disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from android_test.coverage.graph_view import GraphView
from export_onnx import provenance
from export_onnx.errors import ContractError, PackageError
from export_onnx.graph.shared_weights import WEIGHTS_FILE, ModelFolder, load
from export_onnx.provenance import Report, sha256
from export_onnx.run.sessions import cpu_session
from selector.package.check_files import check_files

N = 1024


def model(value: float) -> onnx.ModelProto:
    """y = x + value, whose constant is large enough for `weights.bin`."""
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [N]) for name in "xy"]
    constant = numpy_helper.from_array(np.full(N, value, np.float32), "w")
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "add", ports[:1], ports[1:], [constant])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    return made


def write(folder: Path, value: float) -> Path:
    with ModelFolder(folder) as models:
        return models.save(model(value), "add")


def hard(build: Path, copy: Path) -> None:
    shutil.copytree(build, copy, copy_function=os.link)


def symbolic(build: Path, copy: Path) -> None:
    shutil.copytree(build, copy, copy_function=os.symlink)


def hub_cache(build: Path, copy: Path) -> None:
    """Every file a relative link to a blob, named by its content."""
    blobs = copy.parent / "blobs"
    blobs.mkdir()
    copy.mkdir()
    for file in build.iterdir():
        shutil.copyfile(file, blobs / f"{file.stem}-hash")
        (copy / file.name).symlink_to(Path("..") / "blobs" / f"{file.stem}-hash")


def weights_elsewhere(build: Path, copy: Path) -> None:
    """The large file alone is a link."""
    shutil.copytree(build, copy)
    (copy / WEIGHTS_FILE).unlink()
    (copy / WEIGHTS_FILE).symlink_to(build / WEIGHTS_FILE)


KINDS = [hard, symbolic, hub_cache, weights_elsewhere]


@pytest.mark.parametrize("link", KINDS)
def test_links_are_read(tmp_path: Path, link) -> None:
    write(tmp_path / "build", 3.0)
    link(tmp_path / "build", tmp_path / "copy")
    path = tmp_path / "copy" / "add.onnx"
    assert numpy_helper.to_array(load(path).graph.initializer[0])[0] == 3.0
    (sum_,) = cpu_session(path).run(None, {"x": np.zeros(N, np.float32)})
    assert sum_[0] == 3.0
    constant = GraphView.load(path).array("w")
    assert constant is not None
    assert constant[0] == 3.0


@pytest.mark.parametrize("link", [hard, symbolic])
def test_writing_into_a_copy_leaves_what_it_came_from(tmp_path: Path, link) -> None:
    write(tmp_path / "build", 3.0)
    link(tmp_path / "build", tmp_path / "copy")
    write(tmp_path / "copy", 4.0)
    for folder, value in (("build", 3.0), ("copy", 4.0)):
        assert numpy_helper.to_array(load(tmp_path / folder / "add.onnx").graph.initializer[0])[0] == value


@pytest.mark.parametrize("link", [hard, symbolic])
def test_a_step_begins_without_the_links_of_the_last(tmp_path: Path, link) -> None:
    """Whatever a step writes, by whatever means, is a file of its own."""
    before = tmp_path / "build"
    (before / "voices").mkdir(parents=True)
    (before / "voices" / "a.npy").write_bytes(b"old")
    Report(before, "signature").write()
    link(before, tmp_path / "copy")
    assert provenance.is_up_to_date(tmp_path / "copy", "signature"), "a link counts by its content"
    provenance.start(tmp_path / "copy")
    (tmp_path / "copy" / "voices" / "a.npy").write_bytes(b"new")
    assert (before / "voices" / "a.npy").read_bytes() == b"old"
    assert provenance.is_up_to_date(before, "signature")


@pytest.mark.parametrize("location", ["../outside.bin", "/etc/hostname", "sub/weights.bin", ".."])
def test_weights_lie_beside_the_model_and_nowhere_else(tmp_path: Path, location: str) -> None:
    path = write(tmp_path / "build", 3.0)
    (tmp_path / "outside.bin").write_bytes(b"\0" * 4 * N)
    changed = onnx.load(path, load_external_data=False)
    next(e for e in changed.graph.initializer[0].external_data if e.key == "location").value = location
    path.write_bytes(changed.SerializeToString())
    with pytest.raises(ContractError, match="no file beside the model"):
        load(path)


def test_a_short_weights_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "build", 3.0)
    os.truncate(path.parent / WEIGHTS_FILE, 100)
    with pytest.raises(ContractError, match=r"100 of 4096 bytes in weights\.bin"):
        load(path)
    (path.parent / WEIGHTS_FILE).unlink()
    with pytest.raises(ContractError, match="FileNotFoundError"):
        load(path)


@pytest.mark.parametrize("link", [hard, symbolic, hub_cache])
def test_a_package_of_links_counts_by_its_content(tmp_path: Path, link) -> None:
    """As a hub's cache holds one: each file is checked against the manifest, link or not."""
    write(tmp_path / "package", 3.0)
    files = {f.name: SimpleNamespace(size=f.stat().st_size, sha256=sha256(f)) for f in (tmp_path / "package").iterdir()}
    manifest: Any = SimpleNamespace(files=files, fused=None)
    (tmp_path / "package" / "manifest.json").write_text("{}")
    link(tmp_path / "package", tmp_path / "copy")
    check_files(tmp_path / "copy", manifest)
    weights = tmp_path / "copy" / WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")  # through the link
    with pytest.raises(PackageError, match="sha256"):
        check_files(tmp_path / "copy", manifest)
