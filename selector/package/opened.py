"""Opens a package, if every file is as the manifest states, and speaks with it.

package = Package.open("dist/kokoro-npu-demo-0.2.0-cpu")
for spoken in package.synthesize("Hello.", "demo_a"):
    play(spoken.samples)
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from export_onnx.errors import PackageError
from export_onnx.geometry import MAX_PHONEMES
from export_onnx.provenance import sha256
from export_onnx.run.chain import Chain
from selector.package import manifest as schema
from selector.package.manifest import MANIFEST, Manifest
from selector.speak.synthesize import Spoken, Synthesizer, language_of, package_chain

AGAIN: Final = "Get the package again."


@dataclass(frozen=True)
class Package:
    """A checked package on disk. It is immutable and may be in any folder."""

    folder: Path
    manifest: Manifest
    chains: Mapping[str, Chain]  # by the name of the bucket

    @classmethod
    def open(cls, folder: str | Path) -> Package:
        """Opens the package in `folder` and checks every file's size and hash.

        Raises:
            PackageError: no manifest; a file is changed, missing or extra; a link dangles; or a path leaves the
                folder.
        """
        folder = Path(folder)
        file = folder / MANIFEST
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PackageError(
                str(file),
                expected="a package's manifest",
                got=str(error)[:120],
                todo="Check the path, or make the package.",
            ) from error
        manifest = schema.parse(text, str(file))
        check_files(folder, manifest)
        return cls(folder, manifest, {bucket.name: package_chain(folder, bucket) for bucket in manifest.buckets})

    def voice(self, name: str) -> NDArray[np.float32]:
        """A voice, [510, 256] float32: row n - 1 belongs to n phonemes, timbre first, prosody behind.

        Raises:
            PackageError: the voice is unknown (the message names the nearest), of the wrong size, or not finite.
        """
        files = self.manifest.voices.files
        if name not in files:
            plain = {re.sub(r"\W|_", "", known.lower()): known for known in files}
            near = difflib.get_close_matches(re.sub(r"\W|_", "", name.lower()), plain)
            raise PackageError(
                f"voice {name[:40]!r}",
                expected="one of " + ", ".join(sorted(files)[:60]),
                got="no voice of that name",
                todo=f"Did you mean {' or '.join(plain[n] for n in near)}?" if near else "Choose one of these.",
            )
        rows, width = self.manifest.voices.rows, self.manifest.voices.width
        raw = (self.folder / files[name]).read_bytes()
        if len(raw) != rows * width * 4 or rows != MAX_PHONEMES:
            raise PackageError(files[name], expected=f"{rows * width * 4} bytes", got=str(len(raw)), todo=AGAIN)
        voice = np.frombuffer(raw, "<f4").reshape(rows, width).astype(np.float32)
        if not np.isfinite(voice).all():
            raise PackageError(files[name], expected="finite numbers", got="NaN or infinity", todo=AGAIN)
        return voice

    def synthesize(
        self, text: str, voice: str | None = None, speed: float = 1.0, *, seed: int = 0, language: str | None = None
    ) -> Iterator[Spoken]:
        """Speaks a text and gives each chunk when it is made: 24 kHz float32 in `samples`, gaps included.

        Args:
            text: any length.
            voice: a name; by default the package's first.
            speed: 0.5 to 2; 1 is the voice's own.
            seed: of the noise in breath and fricatives: same seed, same sound.
            language: for phonemes; by default that of the voice's name.

        Raises:
            PackageError: the voice is unknown, or the package holds contexts of a chip (raised at once).
            ContractError: the speed is not a number, or outside the selector's table (raised with the first chunk).
            TextError: there is nothing to say, or a word is too long for the largest bucket.
        """
        if self.manifest.contexts is not None:
            raise PackageError(
                self.manifest.package,
                expected="a package of plain ONNX models",
                got=f"contexts for {self.manifest.contexts.chip}, which only that chip runs",
                todo="Speak with the package for cpu, nnapi or qnn.",
            )
        name = voice if voice is not None else min(self.manifest.voices.files)
        rows = self.voice(name)
        speaker = Synthesizer(self.chains, self.manifest, name, rows, speed, seed, language or language_of(name))
        return speaker.speak(text)


def check_files(folder: Path, manifest: Manifest) -> None:
    """Checks that exactly the listed files are there, with their sizes and hashes.

    Raises:
        PackageError: a file is missing, extra or changed; the error names the first one.
    """
    found: set[str] = set()
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(root, name)
            if path.is_symlink() and not path.is_file():  # a linked file counts by its content, as in a hub's cache
                raise PackageError(str(path), expected="a file of the package", got="a link to no file", todo=AGAIN)
        found |= {Path(root, name).relative_to(folder).as_posix() for name in files}
    expected = set(manifest.files) | {MANIFEST}
    if missing := sorted(expected - found):
        raise PackageError(str(folder / missing[0]), expected="a file of the package", got="nothing", todo=AGAIN)
    if extra := sorted(found - expected):
        raise PackageError(
            str(folder / extra[0]),
            expected="only files of the manifest",
            got="one more",
            todo="Remove it, or " + AGAIN[0].lower() + AGAIN[1:],
        )
    for name, listed in sorted(manifest.files.items()):
        size = (folder / name).stat().st_size
        if size != listed.size:
            raise PackageError(str(folder / name), expected=f"{listed.size} bytes", got=f"{size} bytes", todo=AGAIN)
        digest = sha256(folder / name)
        if digest != listed.sha256:
            raise PackageError(str(folder / name), expected=f"sha256 {listed.sha256}", got=digest, todo=AGAIN)
