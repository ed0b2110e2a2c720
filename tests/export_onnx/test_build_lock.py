"""A build folder has one run at a time, and `make clean` deletes nothing else."""

from __future__ import annotations

import fcntl
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from export_onnx import clean, console
from export_onnx.build_lock import LOCK, build_lock
from export_onnx.errors import ContractError
from tests.test_commands import run

ROOT = Path(__file__).parent.parent.parent
HOLDS = """
import os, subprocess, sys, time
from pathlib import Path
from export_onnx.build_lock import build_lock
with build_lock(Path(sys.argv[1])):
    outlives = subprocess.Popen(["sleep", "60"])
    fork = os.fork()
    if not fork:
        time.sleep(60)
        os._exit(0)
    print(outlives.pid, fork, flush=True)
    time.sleep(60)
"""
COMMANDS = (
    ("export_onnx", "--weights", "random-small"),
    ("calibrate",),
    ("quantize",),
    ("selector", "package"),
    ("selector", "report"),
    ("android_test", "coverage", "nnapi"),
    ("android_test", "bench"),
)


def status(step: str, *arguments: str) -> int:
    return int(run(step, *arguments) or 0)


def test_a_second_run_says_who_holds_the_build_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    children = holder.stdout.readline().split()
    try:
        for step, *arguments in COMMANDS:
            monkeypatch.setattr(sys, "argv", [step])
            assert console.guarded(partial(status, step, *arguments, "--build", str(tmp_path))) == 1
            said = capsys.readouterr().err
            assert said.startswith(f"ContractError: {tmp_path}: expected one run at a time in a build folder"), said
            assert f"got process {holder.pid} (" in said
        holder.kill()
        holder.wait()
        assert all(Path("/proc", child).exists() for child in children), "they outlive their parent"
        with build_lock(tmp_path):
            assert f"process {holder.pid}" not in (tmp_path / LOCK).read_text()
    finally:
        holder.kill()
        subprocess.run(["kill", *children], check=False)
        holder.stdout.close()


def test_the_lock_goes_with_its_run(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), build_lock(tmp_path / "build"):
            _ = 1 // 0
    with build_lock(tmp_path / "build"):
        with pytest.raises(ContractError, match="one run at a time"), build_lock(tmp_path / "build"):
            pass
        with build_lock(tmp_path / "another"):
            pass
    assert (tmp_path / "build" / LOCK).read_text() == ""


def test_a_killed_run_leaves_no_lock(tmp_path: Path) -> None:
    code = "import os, sys; from pathlib import Path; from export_onnx.build_lock import build_lock\n"
    code += "with build_lock(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    with build_lock(tmp_path):
        pass


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A build with a report, and packages beside somebody's file."""
    build, dist = tmp_path / "build", tmp_path / "dist"
    report = build / "quantize" / "cpu" / "report.json"
    report.parent.mkdir(parents=True)
    report.write_text(json.dumps({"signature": "s", "versions": {}}))
    (dist / "kokoro-npu-demo-0.2.0-cpu").mkdir(parents=True)
    (dist / "kokoro-npu-demo-0.2.0-cpu" / "manifest.json").touch()
    (dist / "kokoro-npu-demo-0.2.0-cpu.zip").touch()
    return build, dist


def test_clean_deletes_what_steps_wrote(folders: tuple[Path, Path]) -> None:
    build, dist = folders
    (dist / "thesis.txt").touch()
    assert clean.main(["--build", str(build), "--dist", str(dist)]) == 0
    assert not build.exists()
    assert [path.name for path in dist.iterdir()] == ["thesis.txt"], "what is not ours stays"
    (dist / "thesis.txt").unlink()
    for _ in range(2):  # an empty folder goes, and a second run has nothing to do
        assert clean.main(["--build", str(build), "--dist", str(dist)]) == 0
        assert not dist.exists()


def test_clean_keeps_what_others_put_beside(folders: tuple[Path, Path]) -> None:
    build, dist = folders
    (build / "thesis.txt").touch()
    (dist / "kokoro-npu-demo-notes").mkdir()
    assert clean.main(["--build", str(build), "--dist", str(dist)]) == 0
    assert [path.name for path in build.iterdir()] == ["thesis.txt"]
    assert [path.name for path in dist.iterdir()] == ["kokoro-npu-demo-notes"]


def test_clean_waits_for_no_run(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    build, dist = folders
    with build_lock(build):
        assert clean.main(["--build", str(build), "--dist", str(dist)]) == 1
    assert "one run at a time" in capsys.readouterr().err
    assert (build / "quantize" / "cpu" / "report.json").is_file()
    assert any(dist.iterdir())


def test_a_lock_whose_folder_was_deleted_protects_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make clean` may unlink the file between its opening and its locking; the next run would then lock another."""
    flock = fcntl.flock

    def late(handle: int, how: int) -> None:
        (tmp_path / LOCK).unlink()
        flock(handle, how)

    monkeypatch.setattr("export_onnx.build_lock.fcntl.flock", late)
    with pytest.raises(ContractError, match="just deleted"), build_lock(tmp_path):
        pass


FOREIGN: dict[str, Callable[[Path], str]] = {
    "empty": lambda folder: "",
    "the root": lambda folder: "/",
    "the repository": lambda folder: str(ROOT),
    "this folder": lambda folder: ".",
    "what holds the repository": lambda folder: str(ROOT.parent),
    "home": lambda folder: str(folder / "home"),
    "somebody's folder": lambda folder: str(folder / "foreign"),
    "a report of something else": lambda folder: str(folder / "another"),
    "a git checkout": lambda folder: str(folder / "checkout"),
}


@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize("flag", ["--build", "--dist"])
def test_clean_refuses_what_is_not_ours(
    folders: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flag: str,
    what: str,
) -> None:
    monkeypatch.setattr("export_onnx.clean.shutil.rmtree", lambda path: pytest.fail(f"deletes {path}"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("home", "foreign"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.txt").touch()
    (tmp_path / "home" / "export_onnx").mkdir()
    (tmp_path / "home" / "export_onnx" / "report.json").touch()  # a build in the home folder itself
    (tmp_path / "another" / "tests").mkdir(parents=True)
    (tmp_path / "another" / "tests" / "report.json").write_text(json.dumps({"passed": 3}))
    for folder in folders:  # ours, but with a history
        shutil.copytree(folder, tmp_path / "checkout", dirs_exist_ok=True)
    (tmp_path / "checkout" / ".git").mkdir()
    given = dict(zip(("--build", "--dist"), map(str, folders), strict=True)) | {flag: FOREIGN[what](tmp_path)}
    assert clean.main([part for pair in given.items() for part in pair]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"ContractError: {'BUILD' if flag == '--build' else 'DIST'} ")
    assert "Nothing was deleted" in said


def test_make_clean_asks_first(folders: tuple[Path, Path]) -> None:
    build, dist = folders
    for refused in ([f"BUILD={build}", "DIST="], ["BUILD=", f"DIST={dist}"]):
        done = subprocess.run(["make", "clean", *refused], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "must be one path" in done.stderr
        assert build.exists()
        assert dist.exists()
