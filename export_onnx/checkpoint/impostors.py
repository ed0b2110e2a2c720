"""Recognizes files that have a checkpoint's name but are something else, before anything reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from export_onnx.errors import WeightsError


@dataclass(frozen=True)
class Impostor:
    """A kind of file, recognized by its first bytes."""

    starts: tuple[bytes, ...]
    what: str
    todo: str


KINDS: Final = (
    Impostor(
        (b"version https://git-lfs",),
        "a Git LFS pointer: the name of the content, not the content",
        "Run `git lfs install` and `git lfs pull` in the clone, or download the file itself.",
    ),
    Impostor(
        (b"<!doctype html", b"<html", b"<?xml"),
        "a web page saved under that name",
        "Download the file itself: on the hub that is the link `resolve`, not `blob`; a private one needs a login.",
    ),
    Impostor(
        (b"\x00\x05\x16\x07", b"\x00\x05\x16\x00"),
        "macOS's AppleDouble file, which holds Finder's notes on the real one",
        "Delete the files whose names begin with `._`.",
    ),
)


def refuse_impostor(file: Path, expected: str) -> None:
    """Refuses a file of one of `KINDS`. A file that cannot be read passes, because its reader will refuse it.

    Raises:
        WeightsError: the file is one of `KINDS`; the error names it.
    """
    try:
        with file.open("rb") as opened:
            begin = opened.read(256).removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").lower()
    except OSError:
        return
    for kind in KINDS:
        if begin.startswith(kind.starts):
            raise WeightsError(str(file), expected=expected, got=kind.what, todo=kind.todo)
