"""Text normalization through the C ABI and on a JVM: the words of Python, and errors with the four facts."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from export_onnx.geometry import SAMPLE_RATE
from selector.package.archive import classes_jar
from selector.package.opened import Package
from tests.export_onnx.test_spoken_words import table
from tests.selector.conftest import NAME
from tests.selector.engine_library import TEXT, EngineError, Library, letters
from tests.selector.test_engine import differences, in_python
from tests.selector.test_engine_jvm import run

TYPED = "# Prices\n*Dr. No* paid $5.99 <break time='1s'/> in 1999 🎉. &copy; SQL"
SAID = (
    "Prices\n\nDoctor No paid five dollars and ninety nine cents [pause:1000ms] in nineteen ninety nine. "
    "copyright S Q L"
)
JAVA = """
import io.github.kokoronpu.*;
class Words {
    public static void main(String[] arguments) {
        System.out.println(SpokenText.of(arguments[0], "en-us"));
        System.out.println(SpokenText.of("SQL", "en-us", "SQL sequel"));
        try {
            SpokenText.of("<break time='soon'/>", "en-us");
        } catch (KokoroNpuException error) {
            System.out.println(error.kind + " " + error.where);
        }
    }
}
"""


def words(library: Library, text: str | None, language: str = "en-us", lexicon: str | None = None) -> str:
    said = ctypes.c_char_p()
    given = [None if value is None else value.encode() for value in (text, language, lexicon)]
    library.call("spoken", *given, ctypes.byref(said))
    assert said.value is not None
    out = said.value.decode()
    library.c.kokoro_npu_words_free(said)
    return out


def test_the_library_says_the_words_of_the_table(library: Library) -> None:
    assert words(library, TYPED) == SAID
    plain = [row for row in table() if "|" not in row[2]]
    assert [words(library, typed, language) for language, typed, _ in plain] == [row[2] for row in plain]
    assert words(library, "SQL", lexicon="SQL sequel") == "sequel"
    assert words(library, "5 km", "de") == "5 km", "a language without rules"


@pytest.mark.parametrize(
    ("text", "lexicon", "where"),
    [("<sub>x</sub> <sub a='b'>x</sub>", None, "<sub>"), ("a", "one", "lexicon, line 1"), (None, None, "text")],
)
def test_what_cannot_be_said_is_refused(library: Library, text: str | None, lexicon: str | None, where: str) -> None:
    with pytest.raises(EngineError) as refused:
        words(library, text, lexicon=lexicon)
    assert refused.value.facts[0] == where
    assert all(refused.value.facts)
    assert (refused.value.status == TEXT) == (text is not None)


MARKED = [
    "*Bad* [dog](https://x.org) <break time='1.2s'/> jumps, **over** it.\n\n***\n\nbad dog",
    "<break time='300ms'/><break time='200ms'/> bad dog [pause:0.7s]",
    "# Bad dog\n- jumps\n- over",
]


@pytest.mark.parametrize("speed", [1.0, 1.31])
@pytest.mark.parametrize("text", MARKED)
def test_pauses_and_marks_sound_as_in_python(library: Library, dist: Path, text: str, speed: float) -> None:
    package, engine = Package.open(dist / NAME), library.open(dist / NAME)
    heard = engine.speak(text=text, voice="af_short", speed=speed, phonemize=letters)
    assert differences(heard, in_python(package, text, "af_short", speed, 0)) == []
    other = text.replace("300ms", "400ms").replace("1.2s", "1.3s").replace("# Bad", "# Bad bad")
    assert differences(heard, in_python(package, other, "af_short", speed, 0))


def test_a_growing_text_has_pauses(library: Library, dist: Path) -> None:
    engine = library.open(dist / NAME)

    def samples(*pieces: str) -> int:
        heard = engine.stream(list(pieces), voice="af_short", phonemize=letters)
        return sum(len(chunk.samples) for chunk in heard)

    paused = samples("Bad *do", "g*. Ju", "mps. <break ti", "me='2s'/> Over", " it.")
    assert paused - samples("Bad dog. Jumps. Over it.") == pytest.approx(1.6 * SAMPLE_RATE, abs=2)


def test_java_says_the_same(engine_folder: Path, tmp_path: Path) -> None:
    javac = shutil.which("javac")
    if javac is None:
        pytest.skip("no JDK")
    (tmp_path / "classes.jar").write_bytes(classes_jar(javac))
    (tmp_path / "Words.java").write_text(JAVA)
    subprocess.run([javac, "-cp", tmp_path / "classes.jar", "-d", tmp_path, tmp_path / "Words.java"], check=True)
    printed = run(engine_folder, [tmp_path, tmp_path / "classes.jar"], "Words", TYPED)
    assert printed == f"{SAID}\nsequel\nTEXT break\n"
