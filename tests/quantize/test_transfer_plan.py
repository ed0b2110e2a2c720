"""The plan of a fixed bucket on the graph of free lengths: the same integers, the same sound, and refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from calibrate.speech import in_bucket
from export_onnx.errors import ContractError
from export_onnx.graph.shared_weights import load
from export_onnx.proof.decibels import snr
from export_onnx.run.chain import Chain
from quantize.listen.judge import Judge, sound
from quantize.sound.split_channels import FloatChannels
from quantize.sound.transfer_plan import transfer_plan
from quantize.sound.vocoder_plan import VocoderPlan, apply, make_plan
from tests.conftest import Small
from tests.quantize.conftest import Bench

FLOATS: FloatChannels = {"/resblocks.1/convs2.2/Conv": (1, 3)}


@pytest.fixture(scope="module")
def vocoder(free: Small) -> onnx.ModelProto:
    return load(free.folder / "vocoder_any.onnx")


@pytest.fixture(scope="module")
def plan(bench: Bench) -> VocoderPlan:
    return make_plan(bench.model, bench.statistics["vocoder"], bench.without("conv_post"), 8, floats=FLOATS)


def integers(model: onnx.ModelProto) -> dict[str, bytes]:
    return {
        tensor.name: numpy_helper.to_array(tensor).tobytes()
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and tensor.name.endswith("_quantized")
    }


def test_the_same_plan_gives_the_same_integers(bench: Bench, plan: VocoderPlan, vocoder: onnx.ModelProto) -> None:
    fixed, free = apply(plan, bench.model), apply(transfer_plan(plan, bench.model, vocoder), vocoder)
    assert integers(fixed) == integers(free)
    assert len(integers(free)) > 60
    there = {node.name for node in free.graph.node}
    assert set(plan.qdq.nodes) <= there
    assert {f"{name}/floats" for name in FLOATS} <= there


def test_the_sound_is_as_good_as_the_fixed_buckets(
    bench: Bench, free: Small, plan: VocoderPlan, vocoder: onnx.ModelProto
) -> None:
    samples = [in_bucket(sample, free.weights.config, free.bucket) for sample in bench.judge.samples]
    judge = Judge(free.folder, free.bucket, samples)
    padded = bench.judge.score_graph(apply(plan, bench.model))
    natural = judge.score_graph(apply(transfer_plan(plan, bench.model, vocoder), vocoder))
    assert len(natural) == len(samples) > 0
    assert max(abs(one.snr_db - other.snr_db) for one, other in zip(padded, natural, strict=True)) < 1


def test_a_sample_without_its_padding_sounds_the_same(bench: Bench, free: Small) -> None:
    sample = bench.judge.samples[0]
    cropped = in_bucket(sample, free.weights.config, free.bucket)
    assert cropped.values["har"].shape[2] == 120 * sample.frames + 1
    assert snr(sample.reference, sound(Chain(free.folder, free.bucket), cropped)) >= 80


def test_ranges_of_other_values_are_heard(
    bench: Bench, free: Small, plan: VocoderPlan, vocoder: onnx.ModelProto
) -> None:
    moved = transfer_plan(plan, bench.model, vocoder)
    values = list(moved.qdq.ranges)
    swapped = dict(zip(values, [*list(moved.qdq.ranges.values())[1:], moved.qdq.ranges[values[0]]], strict=True))
    wrong = dataclasses.replace(moved, qdq=dataclasses.replace(moved.qdq, ranges=swapped))
    judge = Judge(free.folder, free.bucket, [in_bucket(bench.judge.samples[0], free.weights.config, free.bucket)])
    right, other = (judge.score_graph(apply(one, vocoder))[0].snr_db for one in (moved, wrong))
    assert right > other + 6, (right, other)


def changed(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def test_another_vocoder_is_refused(bench: Bench, plan: VocoderPlan, vocoder: onnx.ModelProto) -> None:
    fewer = dataclasses.replace(plan, sites=plan.sites[:-1])
    with pytest.raises(ContractError, match="expected the sites of the plan, got in "):
        transfer_plan(fewer, bench.model, vocoder)
    renamed = changed(bench.model)
    (conv,) = [node for node in renamed.graph.node if node.name == "/ups.0/conv/Conv"]
    conv.name = "/lost/Conv"
    lost = dataclasses.replace(plan, qdq=dataclasses.replace(plan.qdq, nodes=(*plan.qdq.nodes, "/lost/Conv")))
    with pytest.raises(ContractError, match="expected a convolution /lost/Conv, got none"):
        transfer_plan(lost, renamed, vocoder)
    joined = changed(bench.model)
    first, second = (node for node in joined.graph.node if node.name in ("/f0_conv/Conv", "/energy_conv/Conv"))
    second.input[0] = first.input[0]
    with pytest.raises(ContractError, match="expected one value for"):
        transfer_plan(plan, joined, vocoder)
    assert np.isfinite([r.low for r in transfer_plan(plan, bench.model, vocoder).qdq.ranges.values()]).all()
