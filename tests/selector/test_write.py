"""A package is written whole or not at all."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from export_onnx.errors import PackageError
from selector.choose import measured_texts as corpus
from selector.package import release, write
from selector.package.assemble import make_package, read_inputs
from tests.selector.selector_fakes import make_build

NAME = "kokoro-npu-fake-0.1.0-cpu"
COMMAND = "python -m selector package"


@pytest.fixture(scope="module", autouse=True)
def few_texts():
    """The table itself is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "RUNS", 0)
        yield


@pytest.fixture(scope="module")
def build(tmp_path_factory) -> Path:
    return make_build(tmp_path_factory.mktemp("fake") / "build")


def leftovers(folder: Path) -> list[str]:
    return [p.name for p in folder.iterdir() if p.name.startswith(write.TEMPORARY)]


INTERRUPTIONS = (
    OSError(errno.ENOSPC, "no space"),
    KeyboardInterrupt(),
    PackageError("x", expected="", got="", todo=""),
)


@pytest.mark.parametrize("error", INTERRUPTIONS, ids=lambda e: type(e).__name__)
def test_an_interrupted_write_leaves_what_was_there(tmp_path, error):
    final = tmp_path / "package"

    def write_one(name: str, problem: BaseException | None = None) -> None:
        with write.whole_folder(final) as folder:
            (folder / name).write_text("x")
            if problem:
                raise problem

    write_one("old")
    with pytest.raises(PackageError if isinstance(error, OSError) else type(error)):
        write_one("new", error)
    assert [p.name for p in final.iterdir()] == ["old"]
    assert leftovers(tmp_path) == []


def test_a_full_disk_says_so_and_leaves_nothing_half_written(build, tmp_path):
    """A real limit: the process may not write files beyond 64 KiB."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from pathlib import Path; from export_onnx.errors import PackageError; from selector.package.write import *\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "try:\n"
        "    with whole_folder(Path(sys.argv[1])) as folder: (folder / 'big').write_bytes(bytes(1 << 20))\n"
        "except PackageError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "p"], capture_output=True, text=True, cwd=Path.cwd())
    assert "room to write" in done.stdout, done.stderr
    assert "nothing was changed" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_not_a_package_and_goes_with_the_next(tmp_path):
    final = tmp_path / "package"
    code = (
        "import os, signal, sys; from pathlib import Path; from selector.package.write import whole_folder\n"
        "with whole_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').write_text('x'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, final], cwd=Path.cwd())
    assert done.returncode == -9
    assert not final.exists()
    assert leftovers(tmp_path)
    with write.whole_folder(final) as folder:
        (folder / "whole").write_text("x")
    assert [p.name for p in tmp_path.iterdir()] == ["package"]


def test_a_replaced_package_never_mixes_with_the_old(build, tmp_path):
    inputs = read_inputs(build)
    fits = release.fit_tables(inputs)
    final = make_package(inputs, fits, "cpu", tmp_path, "0.1.0", COMMAND).folder
    (final / "stale").write_text("x")
    assert make_package(inputs, fits, "cpu", tmp_path, "0.1.0", COMMAND).folder == final
    assert not (final / "stale").exists()
