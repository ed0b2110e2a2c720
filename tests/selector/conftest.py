"""A fake build and packages from it, made once per module of tests; a module that uses them asks for `few_texts`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from selector.choose import measured_texts
from selector.package import make_packages
from tests.built_once import built_once
from tests.selector.engine_library import Library, build_engine
from tests.selector.fused_fakes import add_fused
from tests.selector.selector_fakes import make_build
from tests.selector.text_programs import build_parts, link_program

NAME = "kokoro-npu-fake-0.1.0-cpu"
COMMAND = "python -m selector package"


@pytest.fixture(scope="module")
def few_texts() -> Iterator[None]:
    """The table itself is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measured_texts, "RUNS", 0)
        yield


@pytest.fixture(scope="module")
def build(few_texts: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_build(tmp_path_factory.mktemp("fake") / "build")


@pytest.fixture(scope="module")
def dist(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    make_packages.make_packages(build, folder, ["cpu"], "0.1.0", COMMAND)
    return folder


@pytest.fixture(scope="module")
def fused_build(few_texts: None, ops: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fake build with fused models and a library for this computer."""
    build = make_build(tmp_path_factory.mktemp("fused") / "build")
    add_fused(build, ops)
    return build


@pytest.fixture(scope="module")
def fused_package(fused_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of that build."""
    folder = tmp_path_factory.mktemp("fused_dist")
    make_packages.make_packages(fused_build, folder, ["cpu"], "0.1.0", COMMAND)
    return folder / NAME


@pytest.fixture(scope="session")
def engine_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """libkokoro_npu.so and the programs beside it, built once for this computer."""
    return built_once(tmp_path_factory, "engine", build_engine) / "build"


@pytest.fixture(scope="session")
def library(engine_folder: Path) -> Library:
    return Library.load(engine_folder)


@pytest.fixture(scope="session")
def text_parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the text front end and the phonemizers, compiled with sanitizers."""
    return built_once(tmp_path_factory, "parts", build_parts)


@pytest.fixture(scope="session")
def check_phonemes(text_parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of that name in `vectors/`; a fault under the sanitizers changes its exit status."""
    made = built_once(
        tmp_path_factory, "check_phonemes", lambda folder: link_program(text_parts, "check_phonemes", folder)
    )
    return made / "check_phonemes"
