"""Each gate lets good sound pass and refuses a planted defect; goals are reported where they are missed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export_onnx.contracts import STAGES
from export_onnx.errors import ContractError, ParityError
from export_onnx.graph.multiply_adds import share_of_work
from export_onnx.graph.shared_weights import load
from quantize.gates import STANDARDS, Limits, check_bucket, check_durations, check_sound, standard
from quantize.listen.quality import Quality, compare_sounds, summarize
from quantize.sound.choose_blocklist import conv_work, convolutions
from tests.quantize.conftest import Bench

ANY: Limits = Limits()  # of random weights, whose noise no listener can judge


@pytest.mark.parametrize(
    ("defect", "gate"),
    [
        (lambda x: x * 1.5, "loudness"),
        (lambda x: x * np.nan, "finite"),
        (lambda x: np.roll(x, 600), "SNR"),
    ],
)
def test_planted_defects_are_rejected(bench: Bench, defect, gate: str) -> None:
    reference = bench.judge.samples[0].reference
    floor = Limits(snr_worst=STANDARDS[16].floor.snr_worst)
    check_sound("same", [compare_sounds(reference, reference)], floor)
    with pytest.raises(ParityError, match=gate):
        check_sound("planted", [compare_sounds(reference, defect(reference))], floor)


GOOD = Quality(pesq=4.6, stoi=0.999, mel_db=0.1, snr_db=60.0)


@pytest.mark.parametrize(
    ("field", "bad", "words"),
    [
        ("pesq", 3.9, "PESQ"),
        ("stoi", 0.9, "STOI"),
        ("mel_db", 2.5, "log-mel"),
        ("gain_db", 3.5, "loudness"),
        ("gain_db", -3.5, "loudness"),
        ("quiet_db", 10.0, "silence"),
        ("dc", -0.1, "mean"),
        ("railed", 0.1, "rail"),
        ("finite", False, "finite"),
    ],
)
def test_each_gate_looks_at_its_own_number_and_one_bad_sentence_is_enough(field: str, bad: Any, words: str) -> None:
    for bits in (8, 16):
        check_sound("good", [GOOD] * 12, STANDARDS[bits].floor)
        with pytest.raises(ParityError, match=words):
            check_sound("planted", [*[GOOD] * 11, dataclasses.replace(GOOD, **{field: bad})], STANDARDS[bits].floor)


def test_16_bits_answer_for_waveforms_and_8_bits_for_means() -> None:
    with pytest.raises(ParityError, match="SNR"):
        check_sound("planted", [*[GOOD] * 11, dataclasses.replace(GOOD, snr_db=29.0)], STANDARDS[16].floor)
    check_sound("8 bits", [dataclasses.replace(GOOD, snr_db=17.0)], STANDARDS[8].floor)
    veiled = dataclasses.replace(GOOD, pesq=4.1, mel_db=1.6)  # within the worst sentence's limits, but all of them
    with pytest.raises(ParityError, match="a mean"):
        check_sound("planted", [veiled] * 12, STANDARDS[8].floor)


def test_a_goal_is_reported_where_it_is_missed() -> None:
    goal = STANDARDS[8].goal
    assert goal.missed(summarize([GOOD])) == ()
    worse = [GOOD, dataclasses.replace(GOOD, pesq=4.2), GOOD, dataclasses.replace(GOOD, pesq=4.4)]
    assert [got for _, got in goal.missed(summarize(worse))] == ["4.20", "4.45"]
    assert goal.missed(summarize([*worse, *[GOOD] * 3]))[0] == ("PESQ of 4.3 in every sentence", "4.20")


def test_16_bits_are_to_reach_their_goal_in_every_voice() -> None:
    goal, low = STANDARDS[16].goal, dataclasses.replace(GOOD, snr_db=39.0)
    voices = [summarize([GOOD, GOOD]), summarize([GOOD, low])]  # one sentence below, but no voice
    assert goal.missed(summarize([GOOD, GOOD, GOOD, low]), voices) == ()
    poor = summarize([low, low])
    assert goal.missed(summarize([GOOD, GOOD, low, low]), [voices[0], poor]) == (
        ("SNR of 40 dB in every voice", "39.0 dB"),
    )


def test_random_weights_are_held_to_their_waveform_and_nothing_else_is() -> None:
    noise = dataclasses.replace(GOOD, pesq=1.0, stoi=0.0, mel_db=5.0, snr_db=25.0)
    check_sound("random", [noise] * 3, standard(8, "random").floor)
    with pytest.raises(ParityError, match="SNR of 24 dB"):
        check_sound("planted", [dataclasses.replace(noise, snr_db=23.0)] * 3, standard(8, "random").floor)
    for source in ("hub", "pip", "demo", "folder", "onnx"):
        with pytest.raises(ParityError, match="PESQ"):
            check_sound(source, [noise], standard(8, source).floor)


def test_groups_of_voices_are_judged_apart(bench: Bench) -> None:
    scores = [GOOD, dataclasses.replace(GOOD, pesq=2.0)]
    heard = [dataclasses.replace(s.utterance, voice=v) for s, v in zip(bench.judge.samples, "ab", strict=False)]
    samples = [dataclasses.replace(s, utterance=u) for s, u in zip(bench.judge.samples, heard, strict=False)]
    groups = dataclasses.replace(bench.judge, samples=samples, unheard=("b",)).by_group(scores)
    assert groups["heard"].worst.pesq == groups["a"].mean.pesq == 4.6
    assert groups["unheard"].worst.pesq == groups["b"].mean.pesq == groups["all"].worst.pesq == 2.0
    assert groups["all"].sentences == 2


def test_changed_durations_are_rejected(bench: Bench, tmp_path: Path) -> None:
    samples, bucket = bench.judge.samples, bench.bucket
    for stage in ("bert", "duration"):
        onnx.save(load(bench.folder / f"{stage}_{bucket.name}.onnx"), tmp_path / f"{stage}_{bucket.name}.onnx")
    assert check_durations("float", tmp_path, bucket, samples)["unchanged"] == len(samples)
    planted = load(bench.folder / f"duration_{bucket.name}.onnx")
    for tensor in planted.graph.initializer:
        if tensor.name == "project.bias":
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + np.float32(0.5), tensor.name))
    onnx.save(planted, tmp_path / f"duration_{bucket.name}.onnx")
    with pytest.raises(ParityError, match="Keep the text stages in float"):
        check_durations("planted", tmp_path, bucket, samples)


def test_multiply_adds_are_counted_from_the_graph(bench: Bench) -> None:
    counted = conv_work(bench.model)
    assert set(counted) == set(convolutions(bench.model))
    assert share_of_work(counted, tuple(counted)) == 1
    assert share_of_work(counted, bench.part("conv_post")) == pytest.approx(
        counted["/conv_post/Conv"] / sum(counted.values())
    )


def test_another_bucket_is_run_and_heard(bench: Bench, tmp_path: Path) -> None:
    for stage in STAGES:
        onnx.save(load(bench.folder / f"{stage.name}_{bench.bucket.name}.onnx"), tmp_path / f"{stage.name}_2s.onnx")
    judge = bench.judge.first(1)
    check_bucket("small", tmp_path, judge, ANY)
    style = load(tmp_path / "style_2s.onnx")
    for tensor in style.graph.initializer:
        if tensor.name == "layers.gain.weight":
            tensor.CopyFrom(numpy_helper.from_array(1.1 * numpy_helper.to_array(tensor), tensor.name))
    onnx.save(style, tmp_path / "style_2s.onnx")
    with pytest.raises(ParityError, match="small, style: expected gains"):
        check_bucket("small", tmp_path, judge, ANY)
    (tmp_path / "style_2s.onnx").unlink()
    with pytest.raises(ContractError, match="style_2s"):
        check_bucket("small", tmp_path, judge, ANY)
