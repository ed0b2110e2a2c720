"""The engine with a second thread for the vocoder: the same chunks to the bit, the same ends, and nothing left over."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from onnx import helper

from export_onnx.graph.shared_weights import load
from export_onnx.provenance import sha256
from tests.selector.conftest import NAME
from tests.selector.engine_library import CANCELLED, CONTRACT, TEXT, EngineError, Heard, Library, OpenEngine, letters

NEVER, ALWAYS = 1, 2
LONG = "Bad dog jumps, and it runs far away over the hills. " * 12
TEXTS = ["bad dog", LONG, "One. Two! Three?\n\nFour, five; six.", "b" * 30 + " " + "dog " * 80, "*** one ***"]


@pytest.fixture(scope="module")
def one(library: Library, dist: Path) -> OpenEngine:
    """One thread."""
    return library.open(dist / NAME, side_by_side=NEVER)


@pytest.fixture(scope="module")
def two(library: Library, dist: Path) -> OpenEngine:
    """Two threads."""
    return library.open(dist / NAME, side_by_side=ALWAYS)


def said(chunks: list[Heard]) -> list[tuple[Any, ...]]:
    return [(c.samples.tobytes(), c.text, c.buckets, c.tokens, c.frames, c.start, c.symbols) for c in chunks]


def into(heard: list[Heard], last: int = 0) -> Callable[[Heard], int]:
    """A callback that keeps the chunks, and wants no more behind so many."""

    def take(chunk: Heard) -> int:
        heard.append(chunk)
        return int(len(heard) == last)

    return take


def hearing_noise(dist: Path, folder: Path) -> Path:
    """The package with a sound that depends on the noise, which is drawn by the number of the chunk."""
    shutil.copytree(dist / NAME, folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for stage, given, changed in (("source", "noise", "har"), ("generator", "har", "spectrum")):
        path = f"models/{stage}_any.onnx"
        model = load(folder / path)
        for node in model.graph.node:
            node.output[:] = ["before" if name == changed else name for name in node.output]
        model.graph.node.append(helper.make_node("ReduceMean", [given], ["mean"], keepdims=0))
        model.graph.node.append(helper.make_node("Add", ["before", "mean"], [changed]))
        (folder / path).write_bytes(model.SerializeToString())
        manifest["files"][path] = {"size": (folder / path).stat().st_size, "sha256": sha256(folder / path)}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def test_each_chunk_draws_its_own_noise_in_any_schedule(library: Library, dist: Path, tmp_path: Path) -> None:
    folder = hearing_noise(dist, tmp_path / "package")
    given: dict[str, Any] = {"text": LONG, "phonemize": letters}
    with library.open(folder, side_by_side=NEVER) as single, library.open(folder, side_by_side=ALWAYS) as double:
        wanted = said(single.speak(**given))
        assert said(double.speak(**given)) == wanted
        assert said(double.speak(seed=1, **given)) != wanted


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(("voice", "speed", "seed"), [("af_short", 1.0, 0), ("bf_long", 0.5, 7), ("bf_long", 2.0, 1)])
def test_two_threads_give_the_same_chunks_to_the_bit(
    one: OpenEngine, two: OpenEngine, text: str, voice: str, speed: float, seed: int
) -> None:
    given: dict[str, Any] = {"text": text, "voice": voice, "speed": speed, "phonemize": letters}
    wanted = said(one.speak(seed=seed, **given))
    assert said(two.speak(seed=seed, **given)) == wanted
    assert said(two.speak(seed=seed, **given | {"speed": 1.3})) != wanted, "a difference is noticed"


def test_a_tight_memory_limit_and_other_speeches_change_nothing(library: Library, two: OpenEngine, dist: Path) -> None:
    wanted = said(two.speak(text=LONG, phonemize=letters))
    with library.open(dist / NAME, side_by_side=ALWAYS, memory_limit=1) as tight:
        assert said(tight.speak(text=LONG, phonemize=letters)) == wanted
    heard: list[Any] = []
    threads = [
        threading.Thread(target=lambda: heard.append(said(two.speak(text=LONG, phonemize=letters)))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [wanted] * 4


def test_a_text_that_grows_is_given_before_the_push_returns(one: OpenEngine, two: OpenEngine) -> None:
    pieces = [LONG[i : i + 7] for i in range(0, len(LONG), 7)]
    assert said(two.stream(pieces, phonemize=letters)) == said(one.stream(pieces, phonemize=letters))
    heard: list[Heard] = []
    counts: list[int] = []

    def spell(text: str, language: str) -> str:
        counts.append(len(heard))
        return letters(text, language)

    two.stream(["One dog. ", "Two dogs. ", "Three dogs. "], phonemize=spell, on_chunk=into(heard))
    assert counts[-1] == 2, "both sentences before were given when the last one began"


def test_callbacks_stay_on_the_speaking_thread(two: OpenEngine) -> None:
    seen: set[int] = set()

    def note(result: Any) -> Callable[..., Any]:
        def answer(*given: Any) -> Any:
            seen.add(threading.get_ident())
            return letters(*given) if result is letters else result

        return answer

    two.speak(text=LONG, phonemize=note(letters), is_cancelled=note(False), on_chunk=note(0))
    assert seen == {threading.get_ident()}


def test_a_speech_ends_between_any_two_stages(two: OpenEngine) -> None:
    wanted = said(two.speak(text=LONG, phonemize=letters))
    asked = [0]

    def count() -> bool:
        asked[0] += 1
        return False

    two.speak(text=LONG, phonemize=letters, is_cancelled=count)
    own = 5 * (len(wanted) - 1)  # the stages of the speaking thread; it may miss some ends of the other's
    assert asked[0] >= own > 15
    for stop in range(own):
        left, heard = [stop], list[Heard]()

        def enough(left: list[int] = left) -> bool:
            left[0] -= 1
            return left[0] < 0

        with pytest.raises(EngineError) as raised:
            two.speak(text=LONG, phonemize=letters, is_cancelled=enough, on_chunk=into(heard))
        assert raised.value.status == CANCELLED
        assert said(heard) == wanted[: len(heard)]
    for number in (1, 2, 3):
        heard = []
        with pytest.raises(EngineError) as raised:
            two.speak(text=LONG, phonemize=letters, on_chunk=into(heard, number))
        assert raised.value.status == CANCELLED
        assert len(heard) == number, "nothing is given behind the app's wish to stop"
    assert said(two.speak(text=LONG, phonemize=letters)) == wanted


def collected(engine: OpenEngine, **given: Any) -> tuple[int, str, list[Any]]:
    """How a speech that must fail ended: status, message, and what was given before."""
    heard: list[Heard] = []
    with pytest.raises(EngineError) as raised:
        engine.speak(phonemize=letters, on_chunk=into(heard), **given)
    return raised.value.status, str(raised.value), said(heard)


def test_an_error_comes_behind_the_chunks_before_it(one: OpenEngine, two: OpenEngine) -> None:
    for text in (LONG + "b" * 700, LONG + "\n\n" + "b" * 700 + "\n\nbad dog", "漢"):
        ends = collected(two, text=text)
        assert ends == collected(one, text=text)
        assert ends[0] == TEXT
    assert len(collected(two, text=LONG + "\n\n" + "b" * 700)[2]) > 3


@pytest.mark.parametrize("stage", ["bert", "prosody", "decoder", "tail"])
def test_an_error_of_either_thread_is_the_speech_s(library: Library, dist: Path, tmp_path: Path, stage: str) -> None:
    folder = tmp_path / "package"
    shutil.copytree(dist / NAME, folder)
    model = next((folder / "models").glob(f"{stage}_*.onnx"))
    model.write_bytes(b"\xff" * model.stat().st_size)
    ends = []
    for how in (NEVER, ALWAYS):
        with library.open(folder, skip_hashes=1, side_by_side=how) as engine:
            ends.append(collected(engine, text=LONG))
            ends.append(collected(engine, text=LONG))
    assert ends == [ends[0]] * 4
    assert ends[0][0] == CONTRACT
    assert stage in ends[0][1]


def test_what_is_no_choice_is_refused(library: Library, dist: Path) -> None:
    for wrong in (-1, 3):
        with pytest.raises(EngineError, match="side_by_side"):
            library.open(dist / NAME, side_by_side=wrong)
