"""Bidirectional LSTMs over the real steps only.

Before   pack_padded_sequence, nn.LSTM, pad_packed_sequence
After    one ONNX LSTM with `sequence_lens`
Why      the backward direction must start at the real end; the exporter cannot write packed sequences.
         On Qualcomm's NPU an LSTM is unrolled (365 s to compile at 600 steps), so these run on the CPU in float32
Price    exact: the same recurrence; outputs behind the end are 0, as pad_packed_sequence leaves them
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

# torch orders the gates input, forget, cell, output; ONNX orders them input, output, forget, cell.
_TO_ONNX = (0, 3, 1, 2)
_TO_TORCH = (0, 2, 3, 1)


def _reorder(gates: Tensor, order: tuple[int, ...]) -> Tensor:
    blocks = gates.chunk(4)
    return torch.cat([blocks[i] for i in order])


class _Lstm(torch.autograd.Function):
    """Runs as torch's LSTM on the real steps; exports as ONNX's LSTM."""

    @staticmethod
    def symbolic(g: Any, x: Any, n: Any, w: Any, r: Any, b: Any, hidden: int) -> Any:
        lengths = () if n is None or n.node().mustBeNone() else (n,)
        outputs = g.op("LSTM", x, w, r, b, *lengths, hidden_size_i=hidden, direction_s="bidirectional", outputs=3)
        return outputs[0]

    @staticmethod
    def forward(ctx: Any, x: Tensor, n: Tensor | None, w: Tensor, r: Tensor, b: Tensor, hidden: int) -> Tensor:
        real = x if n is None else x[: int(n[0])]
        flat: list[Tensor] = []
        for direction in (0, 1):
            bias = b[direction].chunk(2)
            flat += [_reorder(w[direction], _TO_TORCH), _reorder(r[direction], _TO_TORCH)]
            flat += [_reorder(bias[0], _TO_TORCH), _reorder(bias[1], _TO_TORCH)]
        state = torch.zeros(2, 1, hidden)
        y = torch._VF.lstm(real, (state, state), flat, True, 1, 0.0, False, True, False)[0]
        y = y.reshape(len(real), 1, 2, hidden).transpose(1, 2)
        return nn.functional.pad(y, (0, 0, 0, 0, 0, 0, 0, len(x) - len(real)))


class MaskedLstm(nn.Module):
    """A one-layer bidirectional nn.LSTM on [1, C, T] with a real length."""

    def __init__(self, original: nn.LSTM) -> None:
        super().__init__()
        assert original.num_layers == 1
        assert original.bidirectional
        self.hidden = original.hidden_size

        def both(name: str) -> list[Tensor]:
            names = (f"{name}_l0", f"{name}_l0_reverse")
            return [_reorder(getattr(original, n).detach(), _TO_ONNX) for n in names]

        biases = [torch.cat(pair) for pair in zip(both("bias_ih"), both("bias_hh"), strict=True)]
        self.w = nn.Parameter(torch.stack(both("weight_ih")), requires_grad=False)  # [2, 4 H, C]
        self.r = nn.Parameter(torch.stack(both("weight_hh")), requires_grad=False)  # [2, 4 H, H]
        self.b = nn.Parameter(torch.stack(biases), requires_grad=False)  # [2, 8 H]

    def forward(self, x: Tensor, n: Tensor | None) -> Tensor:
        """x [1, C, T], n [1] int32 -> [1, 2 H, T], zero from step n on. Without n, all steps are real."""
        y: Tensor = _Lstm.apply(x.permute(2, 0, 1), n, self.w, self.r, self.b, self.hidden)  # type: ignore[no-untyped-call]
        return y.permute(2, 1, 3, 0).reshape(1, 2 * self.hidden, x.shape[2])
