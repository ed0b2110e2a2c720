"""The demo voice's contexts for three chips: made, proven on the simulation and packaged by the guide's command."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from android_test.contexts.context_graphs import CONTEXT_STAGES
from android_test.coverage.htp.htp_host import DEFAULT_SOCS, unavailable
from export_onnx.buckets import BUCKETS
from export_onnx.errors import PackageError
from selector.package.ai_pack import PACK
from selector.package.context_packages import make_context_packages
from selector.package.context_schema import CONTEXTS_FOLDER, read_contexts
from selector.package.opened import Package
from selector.speak.to_wav import find_package

pytestmark = [pytest.mark.full_size, pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "-")]
ROOT = Path(__file__).parent.parent.parent


def test_a_clone_makes_proves_and_packages_contexts_for_three_chips(tmp_path: Path) -> None:
    build, dist = tmp_path / "build", tmp_path / "dist"
    given = ["WEIGHTS=demo", "TARGETS=qnn", f"SOCS={' '.join(DEFAULT_SOCS)}", f"BUILD={build}", f"DIST={dist}"]
    done = subprocess.run(["make", "-o", ".venv/ready", "contexts", *given], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert len(DEFAULT_SOCS) == 3
    names = [bucket.name for bucket in BUCKETS]
    plain = find_package(dist, "qnn")
    for chip in DEFAULT_SOCS:
        made = read_contexts(build, chip, names)
        assert set(made.models) == set(CONTEXT_STAGES)
        folder = find_package(dist, f"qnn-{chip.lower()}")
        contexts = Package.open(folder).manifest.contexts
        assert contexts is not None
        assert contexts == made.contexts
        assert contexts.proof is not None
        assert contexts.proof.holds
        assert {one.stage for one in contexts.proof.stages} == set(CONTEXT_STAGES)
        shared = sum(file.stat().st_size for file in (folder / "models").glob("*_qnn.bin"))
        assert shared < made.bytes
        with zipfile.ZipFile(folder.with_name(folder.name + ".aar")) as archive:
            assert f"assets/kokoro-npu/qnn-{chip.lower()}/manifest.json" in archive.namelist()
    groups = {path.name for path in (dist / PACK / "src" / "main" / "assets").iterdir()}
    assert groups == {f"kokoro-npu#group_{name.lower()}" for name in (*DEFAULT_SOCS, "other")}
    binary = next((build / CONTEXTS_FOLDER / DEFAULT_SOCS[0]).glob("*.bin"))
    binary.write_bytes(binary.read_bytes()[:-1])
    with pytest.raises(PackageError, match="the files as they were written"):
        make_context_packages(build, dist, plain, DEFAULT_SOCS[:1])
