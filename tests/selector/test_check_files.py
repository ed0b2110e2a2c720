"""A package survives the ways in which people copy it, and a changed model is seen among all of their litter."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from export_onnx.errors import PackageError
from selector.package import check_files, write_package
from selector.package.build_inputs import read_build_inputs
from selector.package.opened import Package
from selector.speak import to_wav
from selector.speak.synthesize import Spoken
from tests.selector.conftest import NAME

pytestmark = pytest.mark.usefixtures("few_texts")


@pytest.fixture
def copy(dist, tmp_path) -> Path:
    return Path(shutil.copytree(dist / NAME, tmp_path / "copied"))


def litter(copy: Path) -> None:
    """What macOS, Windows, git and a hub's client leave beside files."""
    for name in (
        ".DS_Store",
        "models/._generator_5s.onnx",
        "__MACOSX/models/._generator_5s.onnx",
        ".gitattributes",
        ".git/config",
        ".cache/huggingface/download/manifest.json.lock",
        "voices/.DS_Store",
    ):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(b"x")


def test_litter_is_passed_over_and_a_stray_file_gives_a_remark(copy):
    litter(copy)
    assert Package.open(copy).remarks == ()
    (copy / "models" / "desktop.ini").write_bytes(b"x")
    (copy / "README.md").symlink_to("nowhere")
    stray = " is not of the package; nothing reads it"
    assert Package.open(copy).remarks == (f"README.md{stray}", f"models/desktop.ini{stray}")


def test_a_changed_model_is_seen_among_litter(copy):
    litter(copy)
    weights = copy / "models" / "weights.bin"
    weights.write_bytes(bytes(reversed(weights.read_bytes())))
    with pytest.raises(PackageError, match="sha256"):
        Package.open(copy)


def test_documents_give_remarks_and_what_a_program_reads_does_not(copy):
    for name in check_files.DOCUMENTS:
        if (copy / name).exists():
            (copy / name).write_bytes((copy / name).read_bytes().replace(b"\n", b"\r\n"))
    (copy / "NOTICE").unlink()
    remarks = Package.open(copy).remarks
    assert [remark.split()[0] for remark in remarks] == ["LICENSE", "NOTICE", "manifest.schema.json"]
    (copy / "tokenizer.onnx").unlink()
    with pytest.raises(PackageError, match=r"tokenizer\.onnx"):
        Package.open(copy)


def test_every_file_that_is_no_document_is_read_by_a_program(dist):
    """A file that a later release adds is checked unless somebody lists it as a document."""
    manifest = Package.open(dist / NAME).manifest
    others = set(manifest.files) - set(check_files.DOCUMENTS)
    named = {manifest.tokenizer.model, *manifest.voices.files.values()}
    named |= {model for bucket in manifest.buckets for model in bucket.models.values()}
    assert others == named | {"models/weights.bin"}


def test_a_linked_folder_counts_by_its_content(copy):
    (copy / "voices").rename(copy.parent / "voices")
    (copy / "voices").symlink_to(copy.parent / "voices")
    assert Package.open(copy).remarks == ()
    (copy.parent / "voices" / "af_short.f32").write_bytes(b"\1" * 510 * 256 * 4)
    with pytest.raises(PackageError, match="af_short"):
        Package.open(copy)


def test_a_pointer_of_git_lfs_is_named(copy):
    (copy / "models" / "weights.bin").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(PackageError, match="git lfs pull"):
        Package.open(copy)


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_a_package_out_of_git_with_windows_line_ends_opens(copy, tmp_path):
    who = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "x"]):
        subprocess.run(["git", "-c", "core.autocrlf=false", *arguments], cwd=copy, check=True)
    clone = ["git", "-c", "core.autocrlf=true", "clone", "-q", "-c", "core.autocrlf=true", str(copy), "clone"]
    subprocess.run(clone, cwd=tmp_path, check=True)
    assert b"\r\n" in (tmp_path / "clone" / "LICENSE").read_bytes()
    assert b"\r\n" in (tmp_path / "clone" / "manifest.json").read_bytes()
    package = Package.open(tmp_path / "clone")
    assert [remark.split()[0] for remark in package.remarks] == ["LICENSE", "NOTICE", "manifest.schema.json"]
    assert package.manifest == Package.open(copy).manifest


def test_a_license_with_windows_line_ends_gives_the_same_package(build, dist, tmp_path, monkeypatch):
    changed = tmp_path / "LICENSE"
    changed.write_bytes(write_package.LICENSE.read_bytes().replace(b"\n", b"\r\n"))
    monkeypatch.setattr(write_package, "LICENSE", changed)
    (tmp_path / "made").mkdir()
    write_package.write_made_files(read_build_inputs(build), tmp_path / "made")
    assert (tmp_path / "made" / "LICENSE").read_bytes() == (dist / NAME / "LICENSE").read_bytes()


def test_speaking_says_what_is_stray_in_few_lines(copy, tmp_path, capsys, monkeypatch):
    for number in range(9):
        (copy / f"stray{number}").write_bytes(b"x")

    def silent(*given: object, **named: object) -> Iterator[Spoken]:
        yield Spoken(np.zeros(2400, np.float32), "")

    monkeypatch.setattr(Package, "synthesize", silent)
    to_wav.speak_to_wav(copy, "cpu", "x", out=tmp_path / "out.wav")
    assert capsys.readouterr().out.count("nothing reads it") == to_wav.MOST_REMARKS
