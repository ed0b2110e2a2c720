"""The package at work: every token of every text is heard whole, whatever the bucket; bad input changes nothing."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from export_onnx.errors import ContractError, PackageError, PipelineError, TextError
from export_onnx.geometry import SAMPLE_RATE
from selector.choose.choose_bucket import most_tokens
from selector.package import make_packages
from selector.package.opened import Package
from selector.speak.to_wav import find_package, read_text, speak_to_wav
from tests.selector.seam_limits import CLICK_LIMIT_DB, DEAD_AIR_LIMIT
from tests.selector.selector_fakes import STRETCH, make_build
from tests.selector.spoken_faults import faults, say

CONSONANTS = "bdfhjklmnpstvwz"


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    work = tmp_path_factory.mktemp("speaking")
    build = make_build(work / "build", ("nnapi",))
    make_packages.make_packages(build, work / "dist", ["nnapi"], "0.1.0", "python -m selector package")
    return work / "dist"


@pytest.fixture(scope="module")
def package(dist) -> Package:
    """Fixed buckets; no stage is proven, so all run on the CPU."""
    return Package.open(find_package(dist, "nnapi"))


LETTERS = st.text(CONSONANTS, min_size=1, max_size=9)
TEXTS = st.lists(
    st.one_of(LETTERS, LETTERS, LETTERS.map(lambda w: w + "."), LETTERS.map(lambda w: w + ","), st.just("\n\n")),
    min_size=1,
    max_size=220,
).map(" ".join)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, st.sampled_from(sorted(STRETCH)), st.sampled_from([0.5, 0.73, 1.0, 1.31, 2.0]))
def test_never_a_cut_or_squeezed_word(package, text, voice, speed):
    assume(any(c.isalnum() for c in text))
    spoken, rendered = say(package, text, voice, speed)
    heard = np.concatenate([s.samples for s in spoken])
    assert faults(package, text, voice, speed, heard, rendered) == []
    for seam in (s.seam for s in spoken if s.seam):
        assert seam.click_db <= CLICK_LIMIT_DB
        assert seam.dead_air <= DEAD_AIR_LIMIT


def test_the_check_hears_a_cut_word_and_a_lost_chunk(package):
    text = "bad dog jumps, " * 40
    spoken, rendered = say(package, text, "af_short", 1.0)
    heard = np.concatenate([s.samples for s in spoken])
    assert faults(package, text, "af_short", 1.0, heard, rendered) == []
    middle = len(heard) // 3
    assert faults(package, text, "af_short", 1.0, np.delete(heard, slice(middle, middle + 300)), rendered)
    without = np.concatenate([s.samples for s in spoken[1:]])
    assert faults(package, text, "af_short", 1.0, without, rendered)
    assert "words" in faults(package, text, "af_short", 1.0, heard, rendered[:-1])


def test_a_chunk_beyond_its_quantile_moves_up_or_is_split(package):
    """A table that promises too much: the exact frames decide, and nothing is lost."""
    table = package.manifest.selector.voices["bf_long"]
    hopeful = table.model_copy(update={"frames": [[max(1, f // 3) for f in row] for row in table.frames]})
    manifest = package.manifest.model_copy(
        update={"selector": package.manifest.selector.model_copy(update={"voices": {"bf_long": hopeful}})}
    )
    text = "bad dog jumps over " * 60
    spoken, rendered = say(dataclasses.replace(package, manifest=manifest), text, "bf_long", 0.6)
    heard = np.concatenate([s.samples for s in spoken])
    assert faults(package, text, "bf_long", 0.6, heard, rendered) == []
    assert any(s.text_bucket != s.sound_bucket for s in spoken)


def test_text_stages_and_sound_stages_of_different_buckets_agree(package):
    """Few tokens, much sound, and the reverse: padded and cropped tokens give the same sound."""
    slow, _ = say(package, "fast talk in a small room now and then", "bf_long", 0.5)
    quick, _ = say(package, "pad " * 60, "af_short", 2.0)
    assert {s.sound_bucket for s in (*slow, *quick)} - {""}
    assert all(s.frames <= 600 for s in (*slow, *quick))


def test_a_word_longer_than_any_bucket_is_refused_and_a_long_number_is_spoken(package):
    with pytest.raises(TextError, match="word 'bbbb"):
        say(package, "good " + "b" * 700, "af_short", 1.0)
    spoken = list(package.synthesize("It is " + "1234567890" * 6 + " now.", "bf_long", 0.5))
    assert len(spoken) > 2
    assert sum(s.tokens for s in spoken) > 185  # all sixty digits
    spoken = list(package.synthesize("See https://www.example.org/" + "a-long-path/" * 12 + " now.", "bf_long", 0.5))
    assert len(spoken) > 2


def test_the_first_sound_does_not_wait_for_the_last(package):
    book = "This is one sentence of an endless book, and it goes on. " * 20_000
    first = next(iter(package.synthesize(book, "af_short")))
    assert 0 < len(first.samples) <= 5.2 * SAMPLE_RATE


def test_a_text_that_fits_is_not_split_for_an_early_start(package):
    tables, buckets = package.manifest.selector.voices, package.manifest.buckets
    smallest, largest = (most_tokens(some, tables["af_short"], 1.0) for some in (buckets[:1], buckets))
    words = ["mnd", "fghj", "klp.", "bvd"] * largest
    fits = " ".join(words[: (smallest + largest) // 12])
    assert smallest < len(fits) < len(fits) + 4 * fits.count(".") < largest
    assert len(say(package, fits, "af_short", 1.0)[1]) == 1
    _, (first, *others) = say(package, " ".join(words[:largest]), "af_short", 1.0)
    assert first[1].text_bucket == buckets[0].name  # split anyway: sound starts early
    assert others[0][1].text_bucket == buckets[-1].name


def test_the_same_seed_gives_the_same_sound(package):
    one, other = (np.concatenate([s.samples for s in package.synthesize("Hello there.", seed=3)]) for _ in range(2))
    assert one.tobytes() == other.tobytes()


def test_limits_follow_voice_and_speed(package):
    tables, buckets = package.manifest.selector.voices, package.manifest.buckets
    assert most_tokens(buckets, tables["bf_long"], 1.0) < most_tokens(buckets, tables["af_short"], 1.0)
    assert most_tokens(buckets, tables["bf_long"], 0.5) < most_tokens(buckets, tables["bf_long"], 2.0)


BAD = [
    ({"text": ""}, TextError, "at least one word"),
    ({"text": " \n\x00\x07\u200b "}, TextError, "at least one word"),
    ({"text": "*** — … !!!"}, TextError, "at least one word"),
    ({"speed": 0.0}, ContractError, "0.5 to 2"),
    ({"speed": math.nan}, ContractError, "0.5 to 2"),
    ({"speed": math.inf}, ContractError, "0.5 to 2"),
    ({"speed": -1.0}, ContractError, "0.5 to 2"),
    ({"speed": 2.01}, ContractError, "0.5 to 2"),
    ({"voice": "af_shrt"}, PackageError, "Did you mean af_short"),
    ({"voice": "../af_short"}, PackageError, "af_short"),
]


@pytest.mark.parametrize(("changed", "kind", "says"), BAD)
def test_bad_input_is_a_clear_error_and_the_old_file_stays(dist, tmp_path, changed, kind, says):
    out = tmp_path / "out.wav"
    out.write_bytes(b"an older recording")
    arguments = {"text": "Hello.", "voice": "af_short", "speed": 1.0} | changed
    with pytest.raises(kind, match=says) as raised:
        speak_to_wav(dist, "nnapi", out=out, **arguments)
    error = raised.value
    assert isinstance(error, PipelineError)
    assert all((error.where, error.expected, error.got, error.todo))
    assert out.read_bytes() == b"an older recording"
    assert [p.name for p in tmp_path.iterdir()] == ["out.wav"]


def test_control_characters_between_words_are_spaces(package):
    plain = [s.frames for s in package.synthesize("good dog")]
    assert [s.frames for s in package.synthesize("good\x00\x1b dog\x07")] == plain


def test_a_target_without_a_package_says_what_to_run(dist, tmp_path):
    with pytest.raises(PackageError, match="make export-int8"):
        find_package(dist, "qnn")
    with pytest.raises(PackageError, match="make export-int8"):
        find_package(tmp_path, "cpu")


def test_a_voice_file_of_another_size_is_refused(package, tmp_path):
    listed = package.manifest.voices.model_copy(update={"files": {"short": "short.f32"}})
    (tmp_path / "short.f32").write_bytes(b"\0" * 400)
    broken = Package(tmp_path, package.manifest.model_copy(update={"voices": listed}), package.chains)
    with pytest.raises(PackageError, match="522240 bytes"):
        broken.voice("short")


def test_speak_writes_24_khz_and_says_what_it_did(dist, tmp_path, capsys):
    out = tmp_path / "sub" / "out.wav"
    report = tmp_path / "report.json"
    result = speak_to_wav(dist, "nnapi", "Hello there. How are you?", "af_short", 1.0, out, report=report)
    assert json.loads(report.read_text()) == result
    assert {"seconds", "chunks", "peak_memory_mb", "real_time_factor", "first_sound_after"} <= set(result)
    samples, rate = soundfile.read(out)
    assert rate == SAMPLE_RATE
    assert len(samples) / rate == pytest.approx(result["seconds"], abs=0.001)
    said = capsys.readouterr().out
    for word in ("real time factor", "seconds", "3s"):
        assert word in said


def test_the_command_refuses_without_a_traceback(dist, tmp_path):
    command = [sys.executable, "-m", "selector", "speak", "--dist", str(dist), "--out", str(tmp_path / "o.wav")]
    command += ["--target", "nnapi", "--text", "Hi.", "--voice", "nobody"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "PackageError: voice 'nobody'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "o.wav").exists()


def test_a_full_disk_is_said_and_leaves_no_recording(dist, tmp_path):
    """A real limit: the process may not write files beyond 64 KiB."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from selector.__main__ import console, main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "sys.exit(console.guarded(lambda: main(sys.argv[1:])))\n"
    )
    arguments = ["speak", "--dist", str(dist), "--out", str(tmp_path / "o.wav"), "--target", "nnapi"]
    arguments += ["--text", "This is long enough. " * 20]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 1
    assert "PackageError" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00binary"])
def test_a_text_file_that_is_none_is_refused(tmp_path, content):
    file = tmp_path / "book.txt"
    if content:
        file.write_bytes(content)
    with pytest.raises(TextError, match="UTF-8"):
        read_text(file)


def test_a_long_text_is_spoken_in_bounded_memory(dist, tmp_path):
    """Twice the text, no more memory: the sound is written as it is made. `make speak-long` is full size."""
    (tmp_path / "long.txt").write_text("This is a sentence of it. And this, it seems, is another one! " * 150)
    (tmp_path / "short.txt").write_text("This is a sentence of it. And this, it seems, is another one! " * 50)

    def peak(name: str) -> Iterator[float]:
        command = [sys.executable, "-m", "selector", "speak", "--dist", str(dist), "--out", str(tmp_path / "o.wav")]
        command += ["--target", "nnapi", "--text-file", str(tmp_path / name)]
        done = subprocess.run(command, capture_output=True, text=True)
        fields = dict(part.rsplit(" ", 1) for part in done.stdout.strip().split("\n")[-1].split(", "))
        yield float(fields["seconds"])
        yield float(fields["peak memory mb"])

    (short, small), (long, large) = peak("short.txt"), peak("long.txt")
    assert long > 2.5 * short
    assert large < small + 30
