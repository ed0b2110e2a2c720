"""The worked example of `docs/how_quantization_works.md`: exact in float, and its words fit its numbers."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

from export_onnx.proof.decibels import snr
from quantize.sound.equalize import Affine, equalize
from selector.page.worked_example import (
    ALPHAS,
    EXAMPLE,
    GAINS,
    OUTPUT,
    SITE,
    SiteExample,
    chosen_range,
    example_tables,
    output_snr,
    site_example,
)


def output(model: onnx.ModelProto, example: SiteExample) -> np.ndarray:
    """The convolution's output, [O, L]."""
    onnx.checker.check_model(model, full_check=True)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (result,) = session.run([OUTPUT], {"normed": example.normed[None, :, None].astype(np.float32)})
    return np.asarray(result)[0, :, 0]


def test_the_rescaled_graph_gives_the_same_output() -> None:
    example = site_example()
    reference = output(example.model, example)
    assert snr(reference, output(example.scaled, example)) > 100
    # A Snake that does not follow its scale is another function.
    planted = equalize(example.model, [SITE], {SITE.name: Affine(example.scale, np.zeros(len(GAINS)))})
    angle = next(node for node in planted.graph.node if node.name == "/snake/Mul")
    alpha = next(tensor for tensor in planted.graph.initializer if tensor.name in angle.input)
    alpha.CopyFrom(numpy_helper.from_array(ALPHAS.astype(np.float32).reshape(1, -1, 1, 1), alpha.name))
    assert snr(reference, output(planted, example)) < 30


def test_the_numbers_are_those_of_the_graph() -> None:
    example = site_example()
    high = example.seen[OUTPUT].high
    np.testing.assert_allclose(output(example.model, example).max(1), high, rtol=1e-4)


def test_the_page_has_these_numbers_and_its_words_fit_them() -> None:
    assert EXAMPLE.marked(example_tables()) in EXAMPLE.file.read_text(encoding="utf-8"), (
        "run `python -m selector tables`"
    )
    example = site_example()
    ranges = [chosen_range(example, scale, 8) for scale in (np.ones(len(GAINS)), example.scale)]
    before, after = ((chosen.high - chosen.low) / 255 for chosen in ranges)
    values = example.seen["snake_out"]
    spans = values.high - values.low
    assert round(spans[3] / before) == 3, "the quietest channel was told in three steps"
    assert (spans * example.scale / after > 0.6 * 255).all(), "every channel spans most of the 255 steps"
    assert 45 < before / (after / example.scale[3]) < 58, "fifty times finer"
    assert 1 < after / example.scale[0] / before < 1.3, "slightly coarser"


def test_each_part_of_the_recipe_is_worth_something() -> None:
    parts = ((8, False, False), (8, True, False), (16, True, False), (16, True, True))
    found = [output_snr(bits, rescale, gptq) for bits, rescale, gptq in parts]
    assert found == sorted(found)
    assert found[1] > found[0] + 25
    assert found[3] > found[2] + 1
