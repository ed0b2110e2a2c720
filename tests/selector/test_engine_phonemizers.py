"""The engine's own phonemizers through its C ABI and on a JVM: Python's samples from a text, errors with four facts."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import espeakng_loader
import pytest

from export_onnx.run.text import phonemize_plain
from export_onnx.text import front_ends
from selector.package.archive import classes_jar
from selector.package.opened import Package
from tests.selector.accent_fakes import make_few_words
from tests.selector.conftest import NAME
from tests.selector.engine_library import DEVICE, TEXT, EngineError, Library, OpenEngine, Request
from tests.selector.test_engine import differences, in_python
from tests.selector.test_engine_jvm import run

ESPEAK = {"name": "espeak", "library": espeakng_loader.get_library_path(), "data": espeakng_loader.get_data_path()}
SPOKEN = "Bad dog jumps, and it runs far away over the hills (again)! " * 3
LEXICON = "dog  cat\njumps /lˈips/\n"
JAVA = """
import io.github.kokoronpu.*;
class Says {
    public static void main(String[] arguments) {
        try (BuiltinPhonemizer espeak = BuiltinPhonemizer.espeak(arguments[1], arguments[2], "dog  cat");
                BuiltinPhonemizer english = BuiltinPhonemizer.english(arguments[3]);
                KokoroNpu npu = KokoroNpu.open(arguments[0], espeak)) {
            System.out.println(espeak.phonemize("Bad dog. Ça va ?", "fr-fr"));
            System.out.println(english.phonemize("The bad dog jumps.", "en-us"));
            System.out.println(english.phonemize("", "en-us").isEmpty());
            int samples = 0;
            SpeechRequest request = SpeechRequest.ofText("Bad dog.").withLanguage("en-us");
            for (Spoken chunk : npu.speak(request)) samples += chunk.samples.length;
            System.out.println(samples);
            for (String language : new String[] {"fr-fr", "en-gb"}) {
                try {
                    System.out.println(english.phonemize("bonjour", language));
                } catch (KokoroNpuException error) {
                    System.out.println(
                        error.kind + "|" + error.where + "|" + error.expected + "|" + error.got + "|" + error.todo);
                }
            }
            english.close();
            english.phonemize("dog", "en-us");
        } catch (KokoroNpuException error) {
            System.out.println(error.kind + " " + error.got);
        }
    }
}
"""


@pytest.fixture(scope="module")
def engine(library: Library, dist: Path) -> OpenEngine:
    return library.open(dist / NAME)


@pytest.fixture(scope="module")
def accents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_few_words(tmp_path_factory.mktemp("english"))


@pytest.fixture
def espeak(library: Library) -> Iterator[ctypes.c_void_p]:
    made = library.phonemizer(**ESPEAK)
    yield made
    library.c.kokoro_npu_close_phonemizer(made)


@pytest.mark.parametrize("language", ["en-us", "en-gb", "it"])
def test_a_text_gives_pythons_samples(
    engine: OpenEngine, dist: Path, espeak: ctypes.c_void_p, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front_ends, "find_spec", lambda name: None)  # misaki's dictionary says English otherwise
    package = Package.open(dist / NAME)
    wanted = in_python(package, SPOKEN, "af_short", 1.0, 3, lambda text, _: phonemize_plain(text, language))
    heard = engine.speak(text=SPOKEN, voice="af_short", seed=3, language=language, phonemizer=espeak)
    assert len(heard) > 1
    assert differences(heard, wanted) == []
    assert differences(
        engine.speak(text=SPOKEN + "So.", voice="af_short", seed=3, language=language, phonemizer=espeak), wanted
    )


def test_a_growing_text_is_said_by_the_library_too(engine: OpenEngine, library: Library, accents: Path) -> None:
    english = library.phonemizer(name="english", data=accents)
    heard = engine.stream(
        ["The bad", " dog jumps. The", " dog runs."], voice="af_short", language="en-us", phonemizer=english
    )
    library.c.kokoro_npu_close_phonemizer(english)
    said = "".join(symbol for chunk in heard for symbol, _, _ in chunk.symbols)
    assert said == "ðə bˈæd dˈɔɡ ʤˈʌmps.ðə dˈɔɡ ɹˈʌnz."


def test_a_lexicon_comes_before_the_phonemizer(library: Library, accents: Path) -> None:
    said = []
    for options in (ESPEAK, {"name": "english", "data": accents}):
        for lexicon in ({}, {"lexicon": LEXICON}):
            phonemizer = library.phonemizer(**options, **lexicon)
            said.append(library.phonemes(phonemizer, "The dog jumps.", "en-us")[0])
            library.c.kokoro_npu_close_phonemizer(phonemizer)
    assert said[0] == "ðə dˈɑɡ ʤˈʌmps."
    assert said[1] == "ðə kˈæt lˈips."
    assert said[2] == "ðə dˈɔɡ ʤˈʌmps."
    assert said[3].endswith("lˈips.")
    assert "dˈɔɡ" not in said[3]


def test_what_does_not_fit_is_cut_and_its_size_is_told(library: Library, espeak: ctypes.c_void_p) -> None:
    whole, needed = library.phonemes(espeak, "Hello there, world.", "en-us")
    assert needed == len(whole.encode()) + 1
    assert library.phonemes(espeak, "Hello there, world.", "en-us", 5) == (whole[:3], needed)
    assert library.phonemes(espeak, "— …", "en-us") == ("", 1)


def test_refusals_have_a_status_and_four_facts(library: Library, engine: OpenEngine, accents: Path) -> None:
    english = library.phonemizer(name="english", data=accents)
    attempts = {
        "language": lambda: library.phonemes(english, "bonjour", "fr-fr"),
        "speech": lambda: engine.speak(text="bonjour", language="fr-fr", phonemizer=english),
        "lexicon": lambda: library.phonemizer(name="english", data=accents, lexicon="word"),
        "name": lambda: library.phonemizer(name="klingon"),
        "library": lambda: library.phonemizer(name="espeak", library="/nowhere.so"),
    }
    raised = {}
    for name, attempt in attempts.items():
        with pytest.raises(EngineError) as error:
            attempt()
        raised[name] = error.value
    library.c.kokoro_npu_close_phonemizer(english)
    assert all(len(error.facts) == 4 and all(error.facts) for error in raised.values())
    assert {name: error.status for name, error in raised.items()} == {
        **dict.fromkeys(attempts, TEXT),
        "library": DEVICE,
    }
    assert raised["language"].facts == raised["speech"].facts
    assert raised["language"].facts[:3] == ["language", "English with its file, en-us or en-gb", "'fr-fr'"]


def test_a_caller_with_the_older_struct_has_no_phonemizer(engine: OpenEngine, espeak: ctypes.c_void_p) -> None:
    request = engine.request([], text="bad dog", language="en-us", phonemizer=espeak)
    engine.library.call("speak", engine.handle, ctypes.byref(request))
    request.size = Request.phonemizer.offset
    with pytest.raises(EngineError, match="a phonemizer for a text"):
        engine.library.call("speak", engine.handle, ctypes.byref(request))


def test_java_says_the_same(
    library: Library, engine: OpenEngine, engine_folder: Path, dist: Path, accents: Path, tmp_path: Path
) -> None:
    javac = shutil.which("javac")
    if javac is None:
        pytest.skip("no JDK")
    (tmp_path / "sdk.jar").write_bytes(classes_jar(javac))
    (tmp_path / "Says.java").write_text(JAVA)
    options = ["--release", "8", "-Xlint:-options", "-cp", str(tmp_path / "sdk.jar"), "-d", str(tmp_path)]
    subprocess.run([javac, *options, str(tmp_path / "Says.java")], check=True)
    where = [dist / NAME, ESPEAK["library"], ESPEAK["data"], accents]
    french, american, nothing, samples, *errors = run(
        engine_folder, [tmp_path, tmp_path / "sdk.jar"], "Says", *where
    ).splitlines()
    with_cat = library.phonemizer(**ESPEAK, lexicon="dog  cat")
    assert french == library.phonemes(with_cat, "Bad dog. Ça va ?", "fr-fr")[0]
    assert american == "ðə bˈæd dˈɔɡ ʤˈʌmps."
    assert nothing == "true"
    heard = engine.speak(text="Bad dog.", language="en-us", phonemizer=with_cat)
    library.c.kokoro_npu_close_phonemizer(with_cat)
    assert int(samples) == sum(len(chunk.samples) for chunk in heard)
    assert errors[0].startswith("TEXT|language|English with its file, en-us or en-gb|'fr-fr'|")
    assert errors[1]
    assert errors[2] == "CANCELLED a closed one"
