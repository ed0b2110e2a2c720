"""Mixes of voices: the mean or the weighted sum of the rows, and the greatest answer of the tables."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export_onnx.buckets import BUCKETS
from export_onnx.errors import ContractError, PackageError
from selector.choose import mix_coverage
from selector.choose.choose_bucket import choose_bucket, choose_sound, expected_frames, most_tokens
from selector.choose.mix_coverage import measure_mixes, mixes_to_measure
from selector.choose.voice_mix import MixPart, mix_parts, mixed_rows, mixed_table
from selector.choose.voice_table import FittedTable
from selector.package.build_inputs import bucket_contracts, read_build_inputs
from selector.package.fit_tables import fit_tables
from selector.package.opened import Package
from selector.speak.synthesize import package_chain
from selector.speak.to_wav import speak_to_wav
from tests.selector.conftest import NAME
from tests.selector.selector_fakes import STRETCH, frames_of

KNOWN = ("df_ada", "dm_ben", "a,b:2+c")
TABLES = {
    "flat": FittedTable((3, 128), (500, 2000), ((120, 150), (60, 75))),
    "steep": FittedTable((3, 100, 128), (500, 1000, 2000), ((10, 100, 400), (9, 90, 200), (8, 40, 100))),
}


def weights(mix: str) -> dict[str, float]:
    return {part.name: part.weight for part in mix_parts(mix, KNOWN)}


def test_a_mix_without_weights_is_the_mean_and_weights_are_shares():
    assert weights("df_ada") == {"df_ada": 1}
    assert weights("df_ada,dm_ben") == weights("df_ada+dm_ben") == {"df_ada": 0.5, "dm_ben": 0.5}
    assert weights("df_ada:0.7+dm_ben:0.3") == pytest.approx({"df_ada": 0.7, "dm_ben": 0.3})
    assert weights(" df_ada:3, dm_ben ") == {"df_ada": 0.75, "dm_ben": 0.25}
    assert weights("a,b:2+c") == {"a,b:2+c": 1}, "a name that the package has"


@pytest.mark.parametrize(
    "mix", ["df_ada,", "+", "df_ada:0,dm_ben", "df_ada:-1,dm_ben", "df_ada:1e2,dm_ben", "df_ada:x"]
)
def test_what_is_no_mix_is_refused(mix):
    with pytest.raises(PackageError) as raised:
        mix_parts(mix, KNOWN)
    assert all((raised.value.where, raised.value.expected, raised.value.todo))


def test_an_unknown_voice_in_a_mix_names_the_nearest():
    with pytest.raises(PackageError, match="Did you mean dm_ben"):
        mix_parts("df_ada:0.7+dm_bne:0.3", KNOWN)


def test_rows_are_the_mean_as_the_original_takes_it():
    draws = np.random.default_rng(0)
    rows = {name: draws.normal(size=(510, 256)).astype(np.float32) for name in ("a", "b", "c")}
    mean = np.stack(list(rows.values())).mean(0)
    mixed = mixed_rows(mix_parts("a,b,c", rows), rows)
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(mixed, mean, rtol=2.4e-7, atol=2.4e-7)  # roundings of float32
    assert mixed_rows((MixPart("b", 1.0),), rows) is rows["b"], "a single voice to the bit"
    tilted = mixed_rows(mix_parts("a:0.7+b:0.3", rows), rows)
    np.testing.assert_allclose(tilted, 0.7 * rows["a"] + 0.3 * rows["b"], rtol=2.4e-7, atol=2.4e-7)


@given(st.integers(1, 140), st.sampled_from([0.5, 0.7, 1.0, 1.31, 2.0]))
def test_of_the_tables_answers_the_greatest_counts(tokens, speed):
    """Even where the tables have other knots, and where one voice is the slower one only for long texts."""
    each = [expected_frames(table, tokens, speed) for table in TABLES.values()]
    mixed = mixed_table("flat,steep", TABLES)
    wanted = None if None in each else max(frames for frames in each if frames is not None)
    assert expected_frames(mixed, tokens, speed) == wanted
    buckets = [choose_bucket(BUCKETS, table, tokens, speed) for table in TABLES.values()]
    if None in buckets:
        assert choose_bucket(BUCKETS, mixed, tokens, speed) is None
    else:
        assert choose_bucket(BUCKETS, mixed, tokens, speed) == choose_sound(BUCKETS, wanted or 0, tokens)
        assert choose_bucket(BUCKETS, mixed, tokens, speed) == max(buckets, key=lambda b: b.frames if b else 0)
    assert most_tokens(BUCKETS, mixed, speed) == min(most_tokens(BUCKETS, one, speed) for one in TABLES.values())


def test_each_voice_is_the_slower_one_somewhere():
    """So the test above would notice a rule that takes one table, or the mean."""
    flat, steep = (expected_frames(table, 3, 1.0) for table in TABLES.values())
    assert flat is not None
    assert steep is not None
    assert flat > steep
    assert (expected_frames(TABLES["flat"], 128, 1.0) or 0) < (expected_frames(TABLES["steep"], 128, 1.0) or 0)


def test_a_speed_outside_any_table_is_refused():
    with pytest.raises(ContractError):
        expected_frames(mixed_table("flat,steep", TABLES), 3, 2.1)


def test_a_package_speaks_a_mix(dist, few_texts):
    package = Package.open(dist / NAME)
    mix = "af_short:0.2+bf_long:0.8"
    stretch = 0.2 * STRETCH["af_short"] + 0.8 * STRETCH["bf_long"]
    assert package.voice(mix)[0, 128] == np.float32(stretch)
    frames = {voice: sum(s.frames for s in package.synthesize("Good dog.", voice)) for voice in (*STRETCH, mix)}
    assert frames["af_short"] < frames[mix] < frames["bf_long"]
    ids = (0, *range(4, 10), 0)
    assert frames_of(ids, stretch, 1.0).sum() < frames_of(ids, STRETCH["bf_long"], 1.0).sum()
    with pytest.raises(PackageError, match="Did you mean bf_long"):
        package.synthesize("Good dog.", "af_short,bf_lnog")


def test_speak_takes_a_mix(dist, few_texts, tmp_path):
    made = speak_to_wav(dist, "cpu", "Good dog.", "af_short,bf_long", out=tmp_path / "out.wav")
    assert made["seconds"] > 0.5


def test_neighbors_are_measured_spread_over_the_list():
    assert mixes_to_measure(["a"]) == ()
    assert mixes_to_measure(["a", "b"]) == ("a,b",)
    assert mixes_to_measure(list("abcdefghi")) == ("a,b", "c,d", "f,g")
    assert len(mixes_to_measure([str(i) for i in range(54)])) == mix_coverage.MIXES


def test_the_report_has_the_coverage_of_mixes(build, dist, few_texts):
    report = json.loads((build / "selector" / "report.json").read_text(encoding="utf-8"))
    assert set(report["mixes"]) == {"af_short,bf_long"}
    assert 0.9 <= report["mixes"]["af_short,bf_long"] <= 1


def test_a_rule_that_takes_the_quicker_voice_covers_less(build, dist, few_texts, monkeypatch):
    """The planted defect: the measurement must see it."""
    inputs = read_build_inputs(build)
    fits = fit_tables(inputs)
    chains = [package_chain(build / "export_onnx", bucket) for bucket in bucket_contracts(inputs, "", inputs.buckets)]

    def measured() -> float:
        (share,) = measure_mixes(chains, inputs.voices, inputs.config["vocab"], fits, lambda part: None).values()
        return share

    right = measured()
    monkeypatch.setattr(mix_coverage, "MixedTable", lambda tables: tables[0])  # af_short's
    assert measured() < right - 0.2
