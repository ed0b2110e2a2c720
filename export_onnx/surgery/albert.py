"""ALBERT on [1, C, 1, T], from ops that every NPU takes.

Before   transformers' AlbertModel: linear layers over [1, T, C], fused attention, LayerNorm, gelu_new with Pow
After    1x1 convolutions; attention as MatMul on [1, heads, T, T] with an additive mask and the scale folded into
         the query; LayerNorm spelled out (layer_norm.py); gelu_new by Mul and Tanh
Why      the NNAPI provider refuses [1, T, C] x [C, D], LayerNormalization, Where and Erf. Token types are one
         constant row; it joins the constant position rows
Price    exact up to float32 rounding (>= 100 dB). -10,000 in place of minus infinity: e^-10000 is 0 in float32, and
         the number exists in half precision
"""

from __future__ import annotations

import math
from typing import Any

import torch
from kokoro.modules import CustomAlbert
from torch import Tensor, nn

from export_onnx.surgery.conv2d import conv2d_from_linear
from export_onnx.surgery.layer_norm import ChannelNorm

MASKED_SCORE = -1e4


def gelu_new(x: Tensor) -> Tensor:
    """0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))."""
    inner = x + (x * x * x) * 0.044715
    return x * 0.5 * (torch.tanh(inner * math.sqrt(2 / math.pi)) + 1.0)


class Attention(nn.Module):
    """AlbertAttention: projections, scores, and the norm around them."""

    def __init__(self, original: Any) -> None:
        super().__init__()
        self.heads = int(original.num_attention_heads)
        self.query = conv2d_from_linear(original.query)
        for parameter in self.query.parameters():
            parameter.mul_(original.scaling)
        self.key = conv2d_from_linear(original.key)
        self.value = conv2d_from_linear(original.value)
        self.dense = conv2d_from_linear(original.dense)
        norm = original.LayerNorm
        self.norm = ChannelNorm(norm.weight, norm.bias, norm.eps)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """x [1, C, 1, T]; bias [1, 1, 1, T], 0 on real keys -> [1, C, 1, T]. Without a bias, all keys are real."""
        channels, length = x.shape[1], x.shape[3]
        split = (1, self.heads, channels // self.heads, length)
        query = self.query(x).reshape(split).permute(0, 1, 3, 2)  # [1, heads, T, C / heads]
        scores = torch.matmul(query, self.key(x).reshape(split))
        scores = torch.softmax(scores if bias is None else scores + bias, 3)
        value = self.value(x).reshape(split).permute(0, 1, 3, 2)
        context = torch.matmul(scores, value).permute(0, 1, 3, 2).reshape(1, channels, 1, length)
        return self.norm(self.dense(context) + x)


class Layer(nn.Module):
    """AlbertLayer: attention and the feed-forward pair."""

    def __init__(self, original: Any) -> None:
        super().__init__()
        self.attention = Attention(original.attention)
        self.ffn = conv2d_from_linear(original.ffn)
        self.ffn_output = conv2d_from_linear(original.ffn_output)
        norm = original.full_layer_layer_norm
        self.norm = ChannelNorm(norm.weight, norm.bias, norm.eps)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """x [1, C, 1, T]; bias [1, 1, 1, T] -> [1, C, 1, T]."""
        x = self.attention(x, bias)
        return self.norm(self.ffn_output(gelu_new(self.ffn(x))) + x)


class Albert(nn.Module):
    """CustomAlbert for at most `tokens` tokens. Its layers share one set of weights, as in the original."""

    def __init__(self, original: CustomAlbert, tokens: int) -> None:
        super().__init__()
        config, embeddings = original.config, original.embeddings
        assert config.num_hidden_groups == config.inner_group_num == 1
        assert config.hidden_act == "gelu_new"
        self.words = nn.Parameter(embeddings.word_embeddings.weight.detach().clone(), requires_grad=False)
        rows = embeddings.position_embeddings.weight[:tokens] + embeddings.token_type_embeddings.weight[0]
        self.positions = nn.Parameter(rows.detach().T.reshape(1, -1, 1, tokens).clone(), requires_grad=False)
        norm = embeddings.LayerNorm
        self.norm = ChannelNorm(norm.weight, norm.bias, norm.eps)
        self.widen = conv2d_from_linear(original.encoder.embedding_hidden_mapping_in)
        self.layer = Layer(original.encoder.albert_layer_groups[0].albert_layers[0])
        self.depth = int(config.num_hidden_layers)

    def forward(self, ids: Tensor, token_mask: Tensor | None) -> Tensor:
        """ids [1, T] int32, token_mask [1, T] -> [1, C, 1, T]; values on padding mean nothing."""
        x = nn.functional.embedding(ids, self.words).permute(0, 2, 1).unsqueeze(2)
        positions = self.positions if token_mask is not None else self.positions[:, :, :, : x.shape[3]]
        x = self.widen(self.norm(x + positions))
        bias = None if token_mask is None else ((token_mask - 1.0) * -MASKED_SCORE).reshape(1, 1, 1, -1)
        for _ in range(self.depth):
            x = self.layer(x, bias)
        return x
