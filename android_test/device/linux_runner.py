"""The runner for this computer: ONNX Runtime's headers from Debian, its library from npm, QNN's plugin from pip.

Each through its registry's ordinary client, pinned by its sha256, everything below one folder. Made for tests of the
way over adb; a phone's runner is made with the NDK, see runner/README.md.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from android_test.device.device_session import QNN_BACKEND, QNN_PLUGIN
from export_onnx import console
from export_onnx.errors import DeviceError
from export_onnx.provenance import sha256
from quantize.ops.cmake_build import cmake_build

SUITE: Final = "forky"  # the first of Debian's whose headers know plugin providers (1.23)
HEADERS: Final = "libonnxruntime-dev"
HEADERS_SHA256: Final = "4630a94adb36dc056feb124e51c6e952e2cab5188bc093a25bee8a7e1ac5196d"  # 1.23.2+dfsg-6.1, amd64
KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LIBRARY: Final = "onnxruntime-node@1.30.0"  # carries libonnxruntime.so.1; later ones drop older machines
ARCHIVE_SHA256: Final = "6e3390d6b783e7be946fad629292799da28d0b42f84856e50d2c1b0383291e75"
LIBRARY_SHA256: Final = {  # by the archive's word for a processor
    "x64": "ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23",
    "arm64": "1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76",
}
QNN_SYSTEM: Final = "libQnnSystem.so"  # reads contexts
IN_LIBRARY: Final = "package/bin/napi-v6/linux/{processor}/libonnxruntime.so.1"
SOURCES: Final = Path(__file__).parent.parent / "runner"
TOOLS: Final = {
    "apt-get": "a Debian system",
    "dpkg": "a Debian system",
    "npm": "apt install npm",
    "cmake": "apt install cmake",
    "c++": "apt install g++",
}


def lacking() -> list[str]:
    """What is missing here, with the way to get it."""
    missing = [f"{tool} ({how})" for tool, how in TOOLS.items() if shutil.which(tool) is None]
    if not KEYRING.is_file():
        missing.append("Debian's keys (apt install debian-archive-keyring)")
    return missing


def build_runner(work: Path) -> Path:
    """`linux/` in `work` with the runner and every library it needs; does nothing that is up to date.

    Raises:
        DeviceError: a tool, a package or a registry is missing, or it does not compile; says what to do.
    """
    if missing := lacking():
        raise DeviceError("runner", expected="tools", got=f"no {', no '.join(missing)}", todo="Install them.")
    work = work.resolve()
    headers, library, out = fetch_headers(work / "apt"), fetch_library(work / "npm"), work / "linux"
    out.mkdir(parents=True, exist_ok=True)
    build = work / "cmake-linux"
    options = [f"-DORT_INCLUDE={headers}", f"-DORT_LIBRARY={library}", "-DCMAKE_BUILD_TYPE=Release"]
    cmake_build(SOURCES, build, options)
    for file in (build / "runner", library, *qnn_libraries()):
        target = out / file.name
        if not target.is_file() or target.stat().st_mtime_ns < file.stat().st_mtime_ns:
            shutil.copy2(file, target)
    console.say(f"{out}: {', '.join(sorted(file.name for file in out.iterdir()))}")
    return out


def fetch_headers(work: Path) -> Path:
    """The folder of onnxruntime_cxx_api.h."""
    found = work / "usr" / "include" / "onnxruntime"
    packages = list(work.glob(f"{HEADERS}_*.deb"))
    if (found / "onnxruntime_cxx_api.h").is_file() and [sha256(file) for file in packages] == [HEADERS_SHA256]:
        return found
    shutil.rmtree(work / "usr", ignore_errors=True)
    for old in packages:
        old.unlink()
    package = pinned(download_debian(work, SUITE, HEADERS), HEADERS_SHA256)
    run_tool(["dpkg", "-x", str(package), str(work)], "Remove the folder, run it again.")
    return found


def download_debian(work: Path, suite: str, package: str) -> Path:
    """The package's newest .deb of a suite of Debian, in `work`; apt checks it against Debian's signature.

    Raises:
        DeviceError: the archive cannot be reached, or lacks the package.
    """
    for part in ("lists/partial", "cache/archives/partial"):
        (work / part).mkdir(parents=True, exist_ok=True)
    (work / "status").touch()
    (work / "sources.list").write_text(f"deb [signed-by={KEYRING}] {debian()} {suite} main\n")
    places = {
        "Dir::Etc::SourceList": work / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "Dir::State": work,
        "Dir::State::Lists": work / "lists",
        "Dir::State::Status": work / "status",
        "Dir::Cache": work / "cache",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "--quiet=2", *(f"-o{name}={value}" for name, value in places.items())]
    run_tool([*apt, "update"], "Check the network.")
    run_tool([*apt, "download", package], "Check the network.", work)
    return next(work.glob(f"{package}_*.deb"))


def debian() -> str:
    """Address of the Debian archive that this system is set up with.

    Raises:
        DeviceError: it is set up with none.
    """
    asked = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)", "Created-By: Packages"]
    lines = run_tool(asked, "Check apt's sources.").splitlines()
    for line in lines:
        if line.startswith("Debian Debian "):
            return line.split()[-1]
    raise DeviceError(
        "apt",
        expected="Debian's archive among its sources",
        got=f"{len(lines)} others",
        todo="`apt-get update`, or add it.",
    )


def fetch_library(work: Path, processor: str = "x64") -> Path:
    """libonnxruntime.so.1 for a processor of `LIBRARY_SHA256`, in `work`, a folder for this processor alone."""
    member_name, digest = IN_LIBRARY.format(processor=processor), LIBRARY_SHA256[processor]
    found = work / Path(member_name).name
    if found.is_file() and sha256(found) == digest:
        return found
    work.mkdir(parents=True, exist_ok=True)
    name = run_tool(["npm", "pack", "--silent", LIBRARY], "Check the network.", work).split()[-1]
    with tarfile.open(pinned(work / name, ARCHIVE_SHA256)) as archive:
        member = archive.extractfile(member_name)
        assert member is not None  # this very version holds it
        half = found.with_suffix(".part")
        with half.open("wb") as out:
            shutil.copyfileobj(member, out)
    pinned(half, digest).rename(found)
    (work / name).unlink()
    return found


def pinned(file: Path, digest: str) -> Path:
    """The file, whose bytes are those that this code was written and tested with; removed where they are not.

    Raises:
        DeviceError: they are others.
    """
    if (got := sha256(file)) != digest:
        file.unlink()
        raise DeviceError(
            file.name,
            expected=f"sha256 {digest}",
            got=got,
            todo="The registry holds another version by now, or something changed it: look at it before you pin it.",
        )
    return file


def qnn_libraries() -> list[Path]:
    """QNN's plugin provider and its HTP simulation, where the wheel is installed; else none, and QNN is refused."""
    spec = importlib.util.find_spec("onnxruntime_qnn")
    if spec is None or spec.origin is None:
        return []
    folder = Path(spec.origin).parent
    needed = [folder / name for name in (QNN_PLUGIN, QNN_BACKEND, QNN_SYSTEM)]
    needed += atomics_of(folder / QNN_SYSTEM)
    return [*needed, *sorted(folder.with_name(f"{folder.name}.libs").glob("*.so*"))]  # the wheel's own libc++


def atomics_of(library: Path) -> list[Path]:
    """This system's libatomic where `library` needs it: the device's Debian lacks it, and contexts do not load then."""
    said = run_tool(["ldd", str(library)], "Install libatomic1.").splitlines()
    return [Path(line.split()[2]) for line in said if "libatomic" in line and "=> /" in line]


def run_tool(command: Sequence[str], todo: str, where: Path | None = None) -> str:
    """What a command prints.

    Raises:
        DeviceError: it fails, with its last words.
    """
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-400:]
        raise DeviceError(" ".join(command[:3]), expected="that it works", got=said, todo=todo)
    return done.stdout
