"""The original in PyTorch, as `KModel` runs it."""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from android_test.bench.runners import BenchRequest, TimedRun, sound_seconds
from export_onnx.checkpoint.weights import load_weights

# The original's modules that do what our stages of these names do; `sound` is all from the source to the tail.
STAGES: Final = {"bert": "bert", "duration": "predictor.text_encoder", "sound": "decoder"}


class TorchRunner:
    """`KModel.forward_with_tokens` in inference mode."""

    late_load_seconds = 0.0

    def __init__(self, request: BenchRequest) -> None:
        torch.set_num_threads(request.threads)
        torch.set_num_interop_threads(1)
        self.model = load_weights(request.source, Path(request.cache)).model
        self.disk_bytes = sum(tensor.nbytes for tensor in self.model.state_dict().values())
        self.ids = torch.tensor([request.ids])
        self.style = torch.tensor([request.style])
        self.ms: dict[str, float] = defaultdict(float)
        for stage, path in STAGES.items():
            self._time(stage, self.model.get_submodule(path))

    def _time(self, stage: str, module: nn.Module) -> None:
        begun = [0.0]

        def before(*_: Any) -> None:
            begun[0] = time.perf_counter()

        def after(*_: Any) -> None:
            self.ms[stage] += 1000 * (time.perf_counter() - begun[0])

        module.register_forward_pre_hook(before)
        module.register_forward_hook(after)

    @torch.inference_mode()
    def run(self) -> TimedRun:
        """The whole text in one piece."""
        self.ms.clear()
        begun = time.perf_counter()
        waveform, _ = self.model.forward_with_tokens(self.ids, self.style, 1)
        audio = sound_seconds(waveform.numpy(), "the original")
        return TimedRun(audio, time.perf_counter() - begun, dict(self.ms))
