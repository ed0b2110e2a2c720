"""A package is written whole or not at all."""

from __future__ import annotations

import errno
import subprocess
import sys
import time
from pathlib import Path

import pytest

from export_onnx.errors import PackageError
from selector.package import whole_files
from selector.package.build_inputs import read_build_inputs, read_target_inputs
from selector.package.compose_manifest import PackagePlan
from selector.package.fit_tables import fit_tables
from selector.package.opened import Package
from selector.package.write_package import write_package
from tests.selector.conftest import COMMAND, NAME

pytestmark = pytest.mark.usefixtures("few_texts")


def leftovers(folder: Path) -> list[str]:
    return [p.name for p in folder.iterdir() if p.name.startswith(whole_files.TEMPORARY)]


INTERRUPTIONS = (
    OSError(errno.ENOSPC, "no space"),
    KeyboardInterrupt(),
    PackageError("x", expected="", got="", todo=""),
)


@pytest.mark.parametrize("error", INTERRUPTIONS, ids=lambda e: type(e).__name__)
def test_an_interrupted_write_leaves_what_was_there(tmp_path, error):
    final = tmp_path / "package"

    def write_one(name: str, problem: BaseException | None = None) -> None:
        with whole_files.whole_folder(final) as folder:
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
        "from pathlib import Path; from export_onnx.errors import PackageError;"
        "from selector.package.whole_files import *\n"
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
        "import os, signal, sys; from pathlib import Path; from selector.package.whole_files import whole_folder\n"
        "with whole_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').write_text('x'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, final], cwd=Path.cwd())
    assert done.returncode == -9
    assert not final.exists()
    assert leftovers(tmp_path)
    with whole_files.whole_folder(final) as folder:
        (folder / "whole").write_text("x")
    assert [p.name for p in tmp_path.iterdir()] == ["package"]


MOMENTS = """
import os, sys
left = int(sys.argv[2])
def count(event, arguments):
    global left
    if event in ("os.mkdir", "os.rename", "ctypes.call_function", "os.rmdir", "shutil.rmtree", "os.remove"):
        left -= 1
        if not left:
            os.kill(os.getpid(), 9)
from pathlib import Path
from selector.package import whole_files
sys.addaudithook(count)
with whole_files.whole_folder(Path(sys.argv[1])) as folder:
    (folder / "one").write_text("new")
    (folder / "two").write_text("new")
"""


def test_a_kill_at_any_moment_leaves_the_old_folder_or_the_new_one(tmp_path):
    """`count` kills the process at its first change of the file system, then at its second, until it comes through."""
    final, seen = tmp_path / "package", []
    for moment in range(1, 30):
        with whole_files.whole_folder(final) as folder:
            for name in ("one", "two"):
                (folder / name).write_text("old")
        done = subprocess.run([sys.executable, "-c", MOMENTS, final, str(moment)], cwd=Path.cwd())
        ((content, *others),) = [[*{file.read_text() for file in final.iterdir()}]]
        assert not others
        assert len([*final.iterdir()]) == 2
        seen.append((done.returncode, content))
        if not done.returncode:
            break
    assert set(seen) == {(-9, "old"), (-9, "new"), (0, "new")}, seen


def test_without_an_exchange_the_next_run_puts_the_old_folder_back(tmp_path, monkeypatch):
    """As on a file system that cannot let folders change places; the kill comes between its two renames."""
    final = tmp_path / "package"

    def write(content: str) -> None:
        with whole_files.whole_folder(final) as folder:
            (folder / "one").write_text(content)

    class NoExchange:
        def __init__(self, *given: object, **how: object) -> None: ...

    monkeypatch.setattr("selector.package.whole_files.ctypes.CDLL", NoExchange)
    write("old")
    write("newer")
    assert (final / "one").read_text() == "newer"
    left = tmp_path / f"{whole_files.TEMPORARY}package-killed"
    left.mkdir()
    final.rename(left / whole_files.OLD)
    with pytest.raises(KeyboardInterrupt), whole_files.whole_folder(final):
        raise KeyboardInterrupt
    assert (final / "one").read_text() == "newer"
    assert leftovers(tmp_path) == []


PACKAGES = """
import itertools, sys
from pathlib import Path
from selector.choose import measured_texts
from selector.package.build_inputs import read_build_inputs, read_target_inputs
from selector.package.compose_manifest import PackagePlan
from selector.package.fit_tables import fit_tables
from selector.package.write_package import write_package
measured_texts.RUNS = 0
inputs = read_build_inputs(Path(sys.argv[1]))
target, fits = read_target_inputs(inputs, "cpu"), fit_tables(inputs)
for number in itertools.count():
    write_package(PackagePlan(inputs, fits, "0.1.0", f"run {number}"), target, Path(sys.argv[2]))
    print(number, flush=True)
"""


def test_killing_packaging_leaves_a_package_that_opens(build, tmp_path):
    for moment in (0.0, 0.03, 0.15, 0.4):
        child = subprocess.Popen(
            [sys.executable, "-c", PACKAGES, build, tmp_path], stdout=subprocess.PIPE, cwd=Path.cwd()
        )
        for _ in range(2):  # from then on an older package is replaced again and again
            assert child.stdout is not None
            child.stdout.readline()
        time.sleep(moment)
        child.kill()
        child.communicate()
        assert Package.open(tmp_path / NAME).manifest.command.startswith("run ")
        assert len(leftovers(tmp_path)) <= 1


def test_a_replaced_package_never_mixes_with_the_old(build, tmp_path):
    inputs = read_build_inputs(build)
    plan, target = PackagePlan(inputs, fit_tables(inputs), "0.1.0", COMMAND), read_target_inputs(inputs, "cpu")
    final = write_package(plan, target, tmp_path).folder
    (final / "stale").write_text("x")
    assert write_package(plan, target, tmp_path).folder == final
    assert not (final / "stale").exists()
