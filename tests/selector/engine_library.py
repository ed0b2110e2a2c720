"""The C++ engine, built for this computer with the ONNX Runtime that Python uses, and called through its C ABI."""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from android_test.device.linux_runner import fetch_headers, lacking
from export_onnx.errors import DeviceError
from tests.android_test import linux_device
from tests.android_test.linux_device import MAKING
from tests.built_once import one_at_a_time

ROOT = Path(__file__).parent.parent.parent
SOURCES = ROOT / "selector" / "sdk" / "cpp"
WORK = linux_device.WORK / "runner"  # where the runner's tests keep ONNX Runtime's headers, too
TEXT, CONTRACT, PACKAGE, DEVICE, CANCELLED, INTERNAL = range(1, 7)


def onnxruntime_library(folder: Path) -> Path:
    """A link `libonnxruntime.so.1` to the very library that Python runs, so that its kernels are the same."""
    spec = importlib.util.find_spec("onnxruntime")
    assert spec is not None
    assert spec.origin is not None
    found = sorted(Path(spec.origin).parent.glob("capi/libonnxruntime.so.*"))
    if not found:
        pytest.skip("this onnxruntime wheel holds no libonnxruntime.so")
    link = folder / "libonnxruntime.so.1"
    link.symlink_to(found[0])
    return link


def engine_headers() -> Path:
    """The folder of ONNX Runtime's C++ API."""
    if missing := lacking():
        pytest.skip(f"the engine cannot be made here: no {', no '.join(missing)}")
    try:
        with one_at_a_time(MAKING):
            return fetch_headers(WORK / "apt")
    except DeviceError as error:
        pytest.skip(f"no headers of ONNX Runtime: {error}")


def build_engine(work: Path) -> None:
    """Writes `build/` with libkokoro_npu.so (for the JVM, too, where there is a JDK), the probe and what they need."""
    headers = engine_headers()
    library = onnxruntime_library(work)
    javac = shutil.which("javac")
    jni = [f"-DJNI_INCLUDE={Path(javac).resolve().parent.parent / 'include'}"] if javac else []
    made = ["cmake", "-S", str(SOURCES), "-B", str(work / "build"), f"-DORT_INCLUDE={headers}"]
    done = [
        subprocess.run(command, capture_output=True, text=True)
        for command in (
            [*made, f"-DORT_LIBRARY={library}", *jni],
            ["cmake", "--build", str(work / "build"), "--parallel", "2"],
        )
    ]
    assert all(one.returncode == 0 for one in done), "\n".join(one.stdout[-3000:] + one.stderr[-3000:] for one in done)
    (work / "build" / library.name).symlink_to(library.resolve())


def letters(text: str, language: str) -> str:
    """A front end for tests: letters speak for themselves; empty where there is nothing to say."""
    clean = " ".join(text.split())
    return clean if any(c.isalnum() for c in clean) else ""


class Options(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_uint64),
        ("memory_limit", ctypes.c_uint64),
        ("threads", ctypes.c_int32),
        ("provider", ctypes.c_int32),
        ("skip_hashes", ctypes.c_int32),
        ("probe_seconds", ctypes.c_int32),
        ("plugin", ctypes.c_char_p),
        ("probe_program", ctypes.c_char_p),
        ("cache_folder", ctypes.c_char_p),
        ("soc", ctypes.c_char_p),
        ("model", ctypes.c_char_p),
        ("stock_operators", ctypes.c_int64),
        ("ops_library", ctypes.c_char_p),
        ("side_by_side", ctypes.c_int32),
    )


class Symbol(ctypes.Structure):
    _fields_ = (("symbol", ctypes.c_char_p), ("start", ctypes.c_int64), ("end", ctypes.c_int64))


class Chunk(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_uint64),
        ("samples", ctypes.POINTER(ctypes.c_float)),
        ("count", ctypes.c_uint64),
        ("text", ctypes.c_char_p),
        ("text_bucket", ctypes.c_char_p),
        ("sound_bucket", ctypes.c_char_p),
        ("tokens", ctypes.c_int64),
        ("frames", ctypes.c_int64),
        ("start", ctypes.c_int64),
        ("symbols", ctypes.POINTER(Symbol)),
        ("symbol_count", ctypes.c_uint64),
    )


PHONEMIZE = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p)
ON_CHUNK = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.POINTER(Chunk))
IS_CANCELLED = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)


class Request(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_uint64),
        ("text", ctypes.c_char_p),
        ("phonemes", ctypes.c_char_p),
        ("voice", ctypes.c_char_p),
        ("language", ctypes.c_char_p),
        ("speed", ctypes.c_double),
        ("seed", ctypes.c_uint64),
        ("phonemize", PHONEMIZE),
        ("on_chunk", ON_CHUNK),
        ("is_cancelled", IS_CANCELLED),
        ("user", ctypes.c_void_p),
        ("phonemizer", ctypes.c_void_p),
    )


class PhonemizerOptions(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_uint64),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_char_p),
        ("library", ctypes.c_char_p),
        ("lexicon", ctypes.c_char_p),
    )


@dataclass(frozen=True)
class Heard:
    """One chunk, copied: (symbol, first sample, first behind it) in `symbols`."""

    samples: NDArray[np.float32]
    text: str
    buckets: tuple[str, str]
    tokens: int
    frames: int
    start: int
    symbols: tuple[tuple[str, int, int], ...]


class EngineError(Exception):
    """A status that is not 0, with the four facts."""

    def __init__(self, status: int, facts: list[str]) -> None:
        super().__init__(f"{status}: " + " | ".join(facts))
        self.status, self.facts = status, facts


@dataclass(frozen=True)
class Library:
    """libkokoro_npu.so."""

    c: ctypes.CDLL

    @classmethod
    def load(cls, folder: Path) -> Library:
        c = ctypes.CDLL(str(folder / "libkokoro_npu.so"))
        c.kokoro_npu_error_fact.restype = ctypes.c_char_p
        for name in ("voices", "report", "open_sessions"):
            getattr(c, f"kokoro_npu_{name}").restype = ctypes.c_uint64
        return cls(c)

    def call(self, name: str, *arguments: Any) -> None:
        error = ctypes.c_void_p()
        status = getattr(self.c, f"kokoro_npu_{name}")(*arguments, ctypes.byref(error))
        if status:
            facts = [self.c.kokoro_npu_error_fact(error, i).decode() for i in range(4)]
            self.c.kokoro_npu_error_free(error)
            raise EngineError(status, facts)
        assert not error

    def open(self, folder: Path, **options: Any) -> OpenEngine:
        handle = ctypes.c_void_p()
        given = Options(size=ctypes.sizeof(Options), **options)
        self.call("open", str(folder).encode(), ctypes.byref(given), ctypes.byref(handle))
        return OpenEngine(self, handle)

    def phonemizer(self, **options: str | Path) -> ctypes.c_void_p:
        """One of the library's own; `close_phonemizer` frees it."""
        handle = ctypes.c_void_p()
        fields = {name: str(value).encode() for name, value in options.items()}
        given = PhonemizerOptions(size=ctypes.sizeof(PhonemizerOptions), **fields)
        self.call("open_phonemizer", ctypes.byref(given), ctypes.byref(handle))
        return handle

    def phonemes(self, phonemizer: ctypes.c_void_p, text: str, language: str, size: int = 4096) -> tuple[str, int]:
        """The phonemes that fit, and the bytes that are needed."""
        out, needed = ctypes.create_string_buffer(size), ctypes.c_uint64()
        where = (out, ctypes.c_uint64(size), ctypes.byref(needed))
        self.call("phonemes", phonemizer, text.encode(), language.encode(), *where)
        return out.value.decode(errors="ignore"), needed.value


@dataclass
class OpenEngine:
    """An engine; a context manager that closes it."""

    library: Library
    handle: ctypes.c_void_p

    def __enter__(self) -> OpenEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.library.c.kokoro_npu_close(self.handle)
        self.handle = ctypes.c_void_p()

    def request(
        self,
        heard: list[Heard],
        phonemize: Callable[[str, str], str] | None = None,
        is_cancelled: Callable[[], bool] | None = None,
        on_chunk: Callable[[Heard], int] | None = None,
        **given: Any,
    ) -> Request:
        """A request that collects its chunks in `heard`; text is given as str."""
        kept: list[Any] = []

        def spell(_: Any, text: bytes, language: bytes) -> int:
            assert phonemize is not None
            kept[:] = [ctypes.create_string_buffer(phonemize(text.decode(), language.decode()).encode())]
            return ctypes.addressof(kept[0])

        def take(_: Any, pointer: Any) -> int:
            heard.append(_heard(pointer.contents))
            return on_chunk(heard[-1]) if on_chunk else 0

        fields = {name: value.encode() if isinstance(value, str) else value for name, value in given.items()}
        request = Request(size=ctypes.sizeof(Request), on_chunk=ON_CHUNK(take), **fields)
        if phonemize:
            request.phonemize = PHONEMIZE(spell)
        if is_cancelled:
            request.is_cancelled = IS_CANCELLED(lambda _: int(is_cancelled()))
        return request

    def speak(self, **given: Any) -> list[Heard]:
        heard: list[Heard] = []
        request = self.request(heard, **given)
        self.library.call("speak", self.handle, ctypes.byref(request))
        return heard

    def stream(self, pieces: list[str], **given: Any) -> list[Heard]:
        """Pushes the pieces, then finishes; chunks that came before the finish are those of `heard`'s first call."""
        heard: list[Heard] = []
        request, speech = self.request(heard, **given), ctypes.c_void_p()
        self.library.call("begin", self.handle, ctypes.byref(request), ctypes.byref(speech))
        try:
            for piece in pieces:
                self.library.call("push", speech, piece.encode())
            self.library.call("finish", speech)
        finally:
            self.library.c.kokoro_npu_end(speech)
        return heard

    def words(self, name: str) -> str:
        """The text of `voices` or `report`."""
        function = getattr(self.library.c, f"kokoro_npu_{name}")
        text = ctypes.create_string_buffer(function(self.handle, None, ctypes.c_uint64(0)))
        function(self.handle, text, ctypes.c_uint64(len(text)))
        return text.value.decode()

    @property
    def open_sessions(self) -> int:
        return int(self.library.c.kokoro_npu_open_sessions(self.handle))


def _heard(chunk: Any) -> Heard:
    samples = np.ctypeslib.as_array(chunk.samples, (chunk.count,)).copy() if chunk.count else np.zeros(0, np.float32)
    symbols = tuple((s.symbol.decode(), s.start, s.end) for s in chunk.symbols[: chunk.symbol_count])
    buckets = (chunk.text_bucket.decode(), chunk.sound_bucket.decode())
    return Heard(samples, chunk.text.decode(), buckets, chunk.tokens, chunk.frames, chunk.start, symbols)
