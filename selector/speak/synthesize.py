"""Speaks text with a package, chunk by chunk: text -> chunks -> stages -> sound.

It needs numpy, onnxruntime and a package, but no torch. Sessions are made when a bucket is first needed and then kept,
so the package bounds the memory, not the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from export_onnx.errors import TextError
from export_onnx.run import text
from export_onnx.run.chain import DURATIONS, FROM_SOURCE, Chain
from export_onnx.run.padding import noise, resize, text_inputs, token_axis, waveform
from export_onnx.run.sessions import SessionSettings
from export_onnx.text.markup import read_markup
from selector.choose.choose_bucket import check_speed, choose_bucket, choose_sound
from selector.choose.chunk_limits import chunk_limits
from selector.choose.length import PADS, length, mark_ids, pauses
from selector.choose.voice_mix import mixed_table
from selector.package.manifest import BucketContract, Manifest
from selector.package.providers import CPU
from selector.speak.early import early
from selector.speak.join import Joiner, Samples, Seam
from selector.speak.phonemes_at import phonemes_at
from selector.text.bounds import Bound, joined_text
from selector.text.bounds import words as written_words
from selector.text.chunk import Chunk, chunk

Phonemize = Callable[[str, str], str]  # text, language -> phonemes

CPU_SESSION: Final = SessionSettings(entries=CPU.session)


@dataclass(frozen=True)
class Spoken:
    """One chunk of sound, ready to play: the gap before it included.

    Attributes:
        samples: [n] float32, 24 kHz.
        text: the text of the chunk; empty for the silence at the end.
        frames: of sound, as the duration stage predicted, before the joining.
        text_bucket, sound_bucket: chosen from the token count, and from the exact frames.
        phonemes_at: where the first phoneme begins in the chunk's own sound and the last one ends, by the durations.
        skipped: symbols without an id.
        left_out: in the first chunk, the names of tags in the text that are not understood.
        seam: the join to the chunk before, to be measured.
    """

    samples: Samples
    text: str
    tokens: int = 0
    frames: int = 0
    text_bucket: str = ""
    sound_bucket: str = ""
    phonemes_at: tuple[int, int] | None = None
    skipped: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    seam: Seam | None = None


def loosened(word: str) -> str:
    """Adds spaces to a word that is spoken as several: behind inner punctuation, between the digits of long numbers.

    A number of ten digits or more that fits no chunk is spelled digit by digit.
    """
    apart = re.sub(r"([^\w\s]|_)(?=\w)", r"\1 ", word)
    return re.sub(r"\d{10,}", lambda number: " ".join(number.group()), apart)


def package_chain(folder: Path, bucket: BucketContract, settings: SessionSettings = CPU_SESSION) -> Chain:
    """The stages of one bucket of a package, on this computer's CPU.

    Args:
        folder: the folder to which the manifest's file names are relative.
        settings: of the sessions.
    """
    return Chain(folder, bucket, {stage: folder / file for stage, file in bucket.models.items()}, settings)


@dataclass(frozen=True)
class Synthesizer:
    """One voice at one speed.

    Attributes:
        chains: by the name of the bucket.
        voice: a name or a mix, see `voice_mix`.
        rows: the voice, [510, 256]: timbre in the first half, prosody in the second.
    """

    chains: Mapping[str, Chain]
    manifest: Manifest
    voice: str
    rows: Samples
    speed: float
    seed: int = 0
    language: str = "en-us"
    phonemize: Phonemize = text.phonemize_plain

    def speak(self, words: str) -> Iterator[Spoken]:
        """Gives the text's sound chunk by chunk; the first does not wait for the last.

        Markup is read first: pauses that the text names separate passages, and each passage is split into chunks.

        Raises:
            TextError: there is nothing to say, or a word is longer than the largest bucket.
            ContractError: the speed is outside the selector's table.
        """
        manifest = self.manifest
        table = mixed_table(self.voice, manifest.selector.voices)
        check_speed(self.speed, table)
        limit, first = chunk_limits(manifest.buckets, table, self.speed)
        joiner, spoken = Joiner(self.speed), 0
        marked = read_markup(words)
        for passage in marked.passages:
            for piece in self._chunks(passage.text, limit, limit if spoken else first):
                for sound, bound in self._fitted(piece, limit, spoken):
                    spoken += 1
                    samples, seam = joiner.push(sound.samples, bound, sound.phonemes_at)
                    left_out = marked.left_out if spoken == 1 else ()
                    yield replace(sound, samples=samples, seam=seam, left_out=left_out)
            if passage.pause is not None:
                joiner.rest(passage.pause)
        if not spoken:
            raise TextError(
                "text", expected="at least one word to say", got=repr(words[:40]), todo="Pass text with words in it."
            )
        yield Spoken(joiner.finish(), "")

    def _chunks(self, words: str, limit: int, first: int) -> Iterator[Chunk]:
        """The chunks of a passage that have words; a line of stars is not spoken."""
        if any(c.isalnum() for c in words):
            pieces = chunk(words, self._count, limit, first)
            if self.manifest.buckets[0].dynamic:
                pieces = early(pieces, self._count, first)
            yield from (piece for piece in pieces if any(map(str.isalnum, piece.text)))

    def _count(self, piece: str) -> int:
        try:
            return self._length(self.phonemize(piece, self.language))
        except TextError:
            return 0  # punctuation alone

    def _length(self, phonemes: str) -> int:
        """The length as the table counts it, without pads."""
        table = self.manifest.selector
        return len(phonemes) + table.pause_tokens * pauses(phonemes, table.pause_marks)

    def _fitted(self, piece: Chunk, limit: int, index: int) -> Iterator[tuple[Spoken, Bound]]:
        """Gives `piece` whole if it fits, else its halves, and so on; a single word is cut at its inner spaces."""
        phonemes = self.phonemize(piece.text, self.language)
        kept = "".join(c for c in phonemes if c in self.manifest.vocabulary)
        whole = self._render(piece.text, phonemes, index) if self._length(kept) <= limit else None
        if whole:
            yield whole, piece.bound
        elif piece.words > 1:
            halves = list(chunk(piece.text, self._count, max(1, min(piece.phonemes * 5 // 8, limit))))
            if len(halves) == 1:  # counts that do not add up: cut the words in two
                parts = list(written_words(piece.text))
                middle = len(parts) // 2
                two = ((joined_text(run), len(run)) for run in (parts[:middle], parts[middle:]))
                halves = [Chunk(t, self._count(t), n, parts[middle - 1].bound) for t, n in two]
            for i, half in enumerate(halves):
                last = i == len(halves) - 1
                bound = piece.bound if last else half.bound
                if any(c.isalnum() for c in half.text):
                    smaller = Chunk(half.text, half.phonemes, half.words, bound)
                    yield from self._fitted(smaller, limit, index + i * 7919)
        else:
            yield from self._one_word(piece, phonemes, limit, index)

    def _one_word(
        self, piece: Chunk, phonemes: str, limit: int, index: int, *, whole: bool = True
    ) -> Iterator[tuple[Spoken, Bound]]:
        """Cuts a written word of many spoken ones, such as a long number or an address, between the spoken ones.

        `phonemes` are the whole word's, or (not `whole`) a part of them.
        """
        groups = list(chunk(phonemes, self._length, max(1, min(limit, self._length(phonemes) * 5 // 8))))
        if len(groups) == 1 or max(group.phonemes for group in groups) > limit:
            loose = loosened(piece.text)
            if not whole or loose == piece.text:
                raise TextError(
                    f"word {piece.text[:30]!r}",
                    expected=f"at most {limit} phonemes at speed {self.speed:g}",
                    got=str(self._length(phonemes)),
                    todo="Spell it as several words, or raise the speed.",
                )
            several = Chunk(loose, self._count(loose), len(loose.split()), piece.bound)
            yield from self._fitted(several, limit, index)
            return
        for i, group in enumerate(groups):
            bound = piece.bound if i == len(groups) - 1 else Bound.WORD
            sound = self._render(piece.text, group.text, index + i)
            if sound:
                yield replace(sound, text="" if i else sound.text), bound
            else:
                part = Chunk(piece.text, group.phonemes, 1, bound)
                yield from self._one_word(part, group.text, limit, index + i, whole=False)

    def _render(self, words: str, phonemes: str, index: int) -> Spoken | None:
        """One chunk's sound; None if its exact frames fit no bucket, before any sound is made."""
        manifest = self.manifest
        encoded = text.encode(phonemes, manifest.vocabulary)
        n = len(encoded.ids)
        table = manifest.selector
        long = length(encoded.ids, mark_ids(manifest.vocabulary, table.pause_marks), table.pause_tokens)
        first = choose_bucket(manifest.buckets, mixed_table(self.voice, table.voices), long, self.speed)
        if first is None:
            return None
        style = self.rows[n - PADS - 1 : n - PADS]
        values = text_inputs(encoded.ids, style, self.speed, first)
        values = self.chains[first.name].run_stages(DURATIONS, values)
        durations = values["frames_per_token"][0, :n]
        frames = int(durations.sum())
        second = choose_sound(manifest.buckets, frames, n)
        if second is None:
            return None
        for name in ("frames_per_token", "d", "t_en"):
            values[name] = resize(values[name], token_axis(second, n))
        values["noise"] = noise(second, (self.seed, index), frames)  # the same draws in every bucket
        values = self.chains[second.name].run_stages(("prosody", *FROM_SOURCE), values)
        at = phonemes_at(encoded.phonemes, durations.tolist())
        return Spoken(waveform(values), words, n, frames, first.name, second.name, at, encoded.skipped)
