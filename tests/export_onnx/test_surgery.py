"""Each exact rewrite against the module it replaces, on small random modules: >= 100 dB, and a defect that fails."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kokoro.istftnet import AdaIN1d, AdainResBlk1d, AdaINResBlock1
from torch import Tensor, nn
from torch.nn.utils import weight_norm

from export_onnx.proof.decibels import snr
from export_onnx.surgery.albert import Albert, gelu_new
from export_onnx.surgery.alignment import token_of_frame
from export_onnx.surgery.conv2d import conv2d_from_conv1d, conv2d_from_linear
from export_onnx.surgery.layer_norm import ChannelNorm
from export_onnx.surgery.mask import Mask, column_mask, make_mask, repeat_steps, spectral_mask
from export_onnx.surgery.masked_adain import MaskedAdaIN
from export_onnx.surgery.masked_lstm import MaskedLstm
from export_onnx.surgery.named_factor import NamedFactor
from export_onnx.surgery.phase import angle
from export_onnx.surgery.polyphase import DepthwiseUpsample, PolyphaseUpsample
from export_onnx.surgery.reflect_pad import reflect_left
from export_onnx.surgery.resblocks import LeakyResBlock, SnakeResBlock
from export_onnx.surgery.snake import Snake
from export_onnx.surgery.style import AllStyleLayers, StylePart, StyleParts
from export_onnx.surgery.weight_norm import folded_weight
from tests.conftest import Small

FLOOR = 100.0  # dB
C, L, REAL = 6, 40, 29  # channels, padded and real length
STYLE = 128


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(3)


def four(x: Tensor) -> Tensor:
    return x.unsqueeze(2)


def padded(x: Tensor, length: int = L, fill: float = 7.0) -> Tensor:
    """[1, C, n] -> [1, C, 1, length], with rubbish on the padding."""
    return four(nn.functional.pad(x, (0, length - x.shape[2]), value=fill))


def real_mask(n: int = REAL, length: int = L) -> Mask:
    return make_mask((torch.arange(length) < n).float().reshape(1, 1, 1, -1))


def randomized(module: Any) -> Any:
    """Weights as after training: no identity, no zero, frequencies that differ."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(torch.rand_like(parameter) + 0.5 if "alpha" in name else torch.randn_like(parameter) * 0.3)
    return module.eval().requires_grad_(False)


def test_weight_norm_and_conv2d() -> None:
    conv: Any = randomized(weight_norm(nn.Conv1d(C, 8, 5, stride=2, padding=4, dilation=2)))
    x = torch.randn(1, C, L)
    assert snr(four(conv(x)), conv2d_from_conv1d(conv)(four(x))) >= FLOOR
    unfolded = nn.Conv1d(C, 8, 5, stride=2, padding=4, dilation=2)
    unfolded.load_state_dict({"weight": conv.weight_v, "bias": conv.bias})
    assert snr(conv(x), unfolded(x).detach()) < 30, "a forgotten gain must show"


def test_linear_as_convolution() -> None:
    linear = randomized(nn.Linear(C, 9))
    x = torch.randn(1, C, L)
    assert snr(four(linear(x.transpose(1, 2)).transpose(1, 2)), conv2d_from_linear(linear)(four(x))) >= FLOOR


@pytest.mark.parametrize("rate", [2, 6, 10])
def test_polyphase(rate: int) -> None:
    up = randomized(weight_norm(nn.ConvTranspose1d(C, 4, 2 * rate, rate, padding=rate // 2)))
    x, ours = torch.randn(1, C, L), PolyphaseUpsample(up)
    assert snr(four(up(x)), ours(four(x))) >= FLOOR
    assert snr(four(up(x)), ours(four(x)).roll(1, 3)) < 30, "a shifted step must show"


def test_depthwise_polyphase() -> None:
    up = weight_norm(nn.ConvTranspose1d(C, C, 3, 2, padding=1, output_padding=1, groups=C))
    up, real = randomized(up), real_mask(2 * REAL, 2 * L).real
    x = torch.randn(1, C, REAL)
    y = DepthwiseUpsample(up)(padded(x, fill=0), real)
    assert snr(four(up(x)), y[..., : 2 * REAL]) >= FLOOR
    assert y[..., 2 * REAL :].abs().max() == 0
    assert folded_weight(up).shape == (C, 1, 3)


def test_masked_adain() -> None:
    norm = randomized(AdaIN1d(STYLE, C))  # with an affine part that is no identity
    x, style = torch.randn(1, C, REAL) * 3 + 2, torch.randn(1, STYLE)
    y = MaskedAdaIN(norm)(padded(x), style, real_mask())
    assert snr(four(norm(x, style)), y[..., :REAL]) >= FLOOR
    assert y[..., REAL:].abs().max() == 0
    unmasked = MaskedAdaIN(norm)(padded(x), style, real_mask(L))
    assert snr(four(norm(x, style)), unmasked[..., :REAL]) < 30, "statistics over padding must show"


def test_style_of_all_norms() -> None:
    """Two norms beside each other: each must find its own part."""
    norms = [randomized(AdaIN1d(STYLE, channels)) for channels in (C, C + 3)]
    module = torch.nn.ModuleList(norms)
    part, style = StyleParts(module), torch.randn(1, STYLE)
    styles = tuple(x.reshape(1, -1, 1, 1) for x in AllStyleLayers(module)(style))
    x = torch.randn(1, C + 3, REAL)
    for norm in norms:
        channels = norm.norm.num_features
        y = MaskedAdaIN(norm, style=part)(padded(x[:, :channels]), styles, real_mask())
        assert snr(four(norm(x[:, :channels], style)), y[..., :REAL]) >= FLOOR
    shifted = MaskedAdaIN(module[1], style=lambda _: StylePart(C - 1, C + 3))(padded(x), styles, real_mask())
    assert snr(four(module[1](x, style)), shifted[..., :REAL]) < 20, "a part that begins a channel early must show"


def test_named_factor() -> None:
    x, factor = torch.randn(1, C, 1, L), torch.rand(1, C, 1, 1) + 0.5
    assert torch.equal(NamedFactor(factor)(x), factor * x)
    assert torch.equal(NamedFactor(2.0**-0.5)(x), x * 2.0**-0.5)
    assert snr(factor * x, NamedFactor(factor.roll(1, 1))(x)) < 30, "a channel's neighbor must show"


def test_snake() -> None:
    alpha = torch.rand(1, C, 1) + 0.5
    x = torch.randn(1, C, L) * 4
    assert snr(four(x + (1 / alpha) * torch.sin(alpha * x) ** 2), Snake(alpha)(four(x))) >= FLOOR
    assert snr(four(x + (1 / alpha) * torch.sin(alpha * x) ** 2), Snake(1 / alpha)(four(x))) < 40, "1 / alpha must show"
    assert Snake(alpha)(torch.zeros(1, C, 1, L)).abs().max() == 0, "a mask may stand before it"


def test_snake_resblock() -> None:
    block = randomized(AdaINResBlock1(C, 7, (1, 3, 5), STYLE))
    x, style = torch.randn(1, C, REAL), torch.randn(1, STYLE)
    ours = SnakeResBlock(block)
    assert snr(four(block(x, style)), ours(padded(x), style, real_mask())[..., :REAL]) >= FLOOR
    assert snr(four(block(x, style)), ours(padded(x), style, real_mask(L))[..., :REAL]) < 30, "a missing mask must show"
    assert snr(four(block(x, style)), ours(padded(x), style.roll(1), real_mask())[..., :REAL]) < 60, "style matters"


@pytest.mark.parametrize(("outputs", "doubles"), [(C, False), (4, False), (4, True)])
def test_leaky_resblock(outputs: int, doubles: bool) -> None:
    block = randomized(AdainResBlk1d(C, outputs, STYLE, upsample=True if doubles else "none"))
    x, style = torch.randn(1, C, REAL), torch.randn(1, STYLE)
    times = 2 if doubles else 1
    after = real_mask(REAL * times, L * times)
    y = LeakyResBlock(block)(padded(x), style, real_mask(), after)
    assert snr(four(block(x, style)), y[..., : REAL * times]) >= FLOOR
    assert snr(four(block(x, style)), 1.5 * y[..., : REAL * times]) < 7, "gain must show"
    if block.learned_sc:  # the same input in two parts
        split = LeakyResBlock(block, features=2)
        head, features = padded(x)[:, :-2], padded(x)[:, -2:]
        y = split(head, style, real_mask(), after, features)
        assert snr(four(block(x, style)), y[..., : REAL * times]) >= FLOOR
        y = split(head, style, real_mask(), after, features.flip(1))
        assert snr(four(block(x, style)), y[..., : REAL * times]) < 60, "the features' order must show"


def test_masks() -> None:
    frames = (torch.arange(5) < 3).float().reshape(1, 1, 1, -1)
    assert repeat_steps(frames, 2).flatten().tolist() == [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]
    spectral = spectral_mask(frames, 4, 5 * 4 + 8).flatten()
    assert spectral.sum() == 3 * 4 + 1
    assert bool(spectral[: 3 * 4 + 1].all())
    assert torch.equal(column_mask(torch.tensor([3]), 5, 4).flatten(), spectral[: 5 * 4 + 1])
    assert not torch.equal(column_mask(torch.tensor([4]), 5, 4).flatten(), spectral[: 5 * 4 + 1]), "a frame more"


def test_reflect_left() -> None:
    x = torch.randn(1, C, 1, L)
    y = reflect_left(x, L + 8)
    assert torch.equal(y[:, :, 0, : L + 1], nn.ReflectionPad1d((1, 0))(x[:, :, 0]))
    assert y[..., L + 1 :].abs().max() == 0
    assert not torch.equal(y[:, :, 0, : L + 1], nn.functional.pad(x[:, :, 0], (1, 0), "replicate"))


@given(st.floats(-1e3, 1e3, width=32), st.floats(-1e3, 1e3, width=32))
@settings(max_examples=300, deadline=None)
def test_angle(real: float, imaginary: float) -> None:
    # -0.0 counts as 0.0: torch.stft never gives the other at DC and Nyquist
    real, imaginary = real + 0.0, imaginary + 0.0
    assert angle(torch.tensor(real), torch.tensor(imaginary)).item() == pytest.approx(
        math.atan2(imaginary, real), abs=1e-6
    )


def test_angle_branches() -> None:
    assert angle(torch.tensor([-1.0, 1.0, 0.0, -1.0]), torch.tensor([0.0, 0.0, 0.0, -0.0])).tolist() == pytest.approx(
        [math.pi, 0, 0, math.pi], abs=1e-6
    )
    assert abs(math.atan(-1.0 / -1.0) - math.atan2(-1.0, -1.0)) > 3, "an arctangent without quadrants would show"
    assert angle(torch.tensor(-1.0), torch.tensor(-1.0)).item() == pytest.approx(-0.75 * math.pi)


@pytest.mark.parametrize("n", [1, 2, REAL, L])
def test_masked_lstm(n: int) -> None:
    lstm = randomized(nn.LSTM(C, 5, batch_first=True, bidirectional=True))
    x = torch.randn(1, n, C)
    expected = lstm(x)[0].transpose(1, 2)
    ours = MaskedLstm(lstm)
    y = ours(padded(x.transpose(1, 2)).squeeze(2), torch.tensor([n], dtype=torch.int32))
    assert snr(expected, y[:, :, :n]) >= FLOOR
    assert n == L or y[:, :, n:].abs().max() == 0
    late = ours(padded(x.transpose(1, 2)).squeeze(2), torch.tensor([L], dtype=torch.int32))
    assert n == L or snr(expected, late[:, :, :n]) < 60, "a backward pass from the padding must show"


def test_layer_norm() -> None:
    norm = randomized(nn.LayerNorm(C))
    x = torch.randn(1, C, L) * 3 + 1
    expected = norm(x.transpose(1, 2)).transpose(1, 2)
    assert snr(four(expected), ChannelNorm(norm.weight, norm.bias, norm.eps)(four(x))) >= FLOOR
    assert snr(four(expected), ChannelNorm(norm.weight, norm.bias, 0.1)(four(x))) < 60, "another epsilon must show"


def test_gelu_new() -> None:
    x = torch.linspace(-8, 8, 999)
    assert snr(nn.functional.gelu(x, approximate="tanh"), gelu_new(x)) >= FLOOR
    assert snr(nn.functional.gelu(x), gelu_new(x)) < 90, "the other GELU must show"


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_alignment(frames: list[int], padding: int) -> None:
    total = sum(frames)
    per_token = torch.tensor([frames + [0] * 3], dtype=torch.int32)
    token = token_of_frame(per_token, total + padding)
    expected = torch.repeat_interleave(torch.arange(len(frames)), torch.tensor(frames))
    assert torch.equal(token[:total], expected)
    late = token_of_frame(per_token.roll(1, 1), total + padding)
    assert not torch.equal(late[:total], expected), "frames of the token before must show"


def test_albert(small: Small) -> None:
    original, n, tokens = small.weights.model.bert, 13, 24
    ids = torch.randint(1, 100, (1, n))
    mask = (torch.arange(tokens) < n).float().unsqueeze(0)
    expected = original(ids, attention_mask=torch.ones(1, n).int()).transpose(1, 2)
    ours = Albert(original, tokens).eval()
    wide = nn.functional.pad(ids, (0, tokens - n)).int()
    assert snr(expected, ours(wide, mask)[:, :, 0, :n].detach()) >= FLOOR
    assert snr(expected, ours(wide, torch.ones_like(mask))[:, :, 0, :n].detach()) < 60, "unmasked attention must show"
