"""Opens a package, if every file is as the manifest states, and speaks with it.

package = Package.open("dist/kokoro-npu-demo-0.2.0-cpu")
for spoken in package.synthesize("Hello.", "demo_a"):
    play(spoken.samples)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export_onnx.errors import PackageError
from export_onnx.geometry import MAX_PHONEMES
from export_onnx.run.chain import Chain
from export_onnx.run.text import phonemize_plain
from export_onnx.text.lexicon import Lexicon
from export_onnx.text.voice_languages import language_of
from selector.choose.voice_mix import mix_parts, mixed_rows
from selector.package import manifest as schema
from selector.package.check_files import AGAIN, check_files
from selector.package.manifest import MANIFEST, Manifest
from selector.speak.fused_choice import OperatorChoice, choose_operators
from selector.speak.synthesize import Spoken, Synthesizer, package_chain


@dataclass(frozen=True)
class Package:
    """A checked package on disk. It is immutable and may be in any folder."""

    folder: Path
    manifest: Manifest
    chains: Mapping[str, Chain]  # of the stock models, by the name of the bucket
    remarks: tuple[str, ...] = ()  # about files that no program reads, see `check_files`
    stock: bool = False  # whether to speak with ONNX Runtime's own operators in any case

    @classmethod
    def open(cls, folder: str | Path, stock: bool = False) -> Package:
        """Opens the package in `folder` and checks the size and hash of every file that a program reads.

        Args:
            stock: whether to speak with ONNX Runtime's own operators also where fused ones could run.

        Raises:
            PackageError: no manifest; such a file is changed, missing or a dangling link; or a path leaves the
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
        remarks = check_files(folder, manifest)
        chains = {bucket.name: package_chain(folder, bucket) for bucket in manifest.buckets}
        return cls(folder, manifest, chains, remarks, stock)

    @cached_property
    def operators(self) -> OperatorChoice:
        """The operators that this package speaks with here, and why; chosen at the first use, which opens sessions."""
        return choose_operators(self.folder, self.manifest, self.chains, self.stock)

    def voice(self, name: str) -> NDArray[np.float32]:
        """A voice or a mix, [510, 256] float32: row n - 1 belongs to n phonemes, timbre first, prosody behind.

        Args:
            name: of a voice, or a mix such as `a,b` or `a:0.7+b:0.3`, see `voice_mix`.

        Raises:
            PackageError: a voice is unknown (the message names the nearest), of the wrong size, or not finite; or the
                mix has a weight that is none.
        """
        parts = mix_parts(name, self.manifest.voices.files)
        return mixed_rows(parts, {part.name: self._rows(part.name) for part in parts})

    def _rows(self, name: str) -> NDArray[np.float32]:
        files = self.manifest.voices.files
        rows, width = self.manifest.voices.rows, self.manifest.voices.width
        raw = (self.folder / files[name]).read_bytes()
        if len(raw) != rows * width * 4 or rows != MAX_PHONEMES:
            raise PackageError(files[name], expected=f"{rows * width * 4} bytes", got=str(len(raw)), todo=AGAIN)
        voice = np.frombuffer(raw, "<f4").reshape(rows, width).astype(np.float32)
        if not np.isfinite(voice).all():
            raise PackageError(files[name], expected="finite numbers", got="NaN or infinity", todo=AGAIN)
        return voice

    def synthesize(
        self,
        text: str,
        voice: str | None = None,
        speed: float = 1.0,
        *,
        seed: int = 0,
        language: str | None = None,
        lexicon: Lexicon | None = None,
    ) -> Iterator[Spoken]:
        """Speaks a text and gives each chunk when it is made: 24 kHz float32 in `samples`, gaps included.

        Args:
            text: any length.
            voice: a name or a mix such as `a:0.7+b:0.3`; by default the package's first voice.
            speed: 0.5 to 2; 1 is the voice's own.
            seed: of the noise in breath and fricatives: same seed, same sound.
            language: for phonemes; by default that of the voice's name, of a mix's first voice.
            lexicon: how to say words of the user's choice, from `read_lexicon`.

        Raises:
            PackageError: the voice is unknown, or the package holds contexts of a chip (raised at once).
            ContractError: the speed is not a number, or outside the selector's table (raised with the first chunk).
            TextError: the voice's name tells no language and none is given (raised at once); there is nothing to say,
                the language has no front end here, or a word is too long for the largest bucket.
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
        spoken_language = language or language_of(name)
        phonemize = partial(phonemize_plain, lexicon=lexicon)
        speaker = Synthesizer(self.operators.chains, self.manifest, name, rows, speed, seed, spoken_language, phonemize)
        return speaker.speak(text)
