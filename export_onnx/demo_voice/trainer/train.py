"""Train the student: vocoder and prosody together, resumable, the same steps from the same seed.

The learning rate is constant after a short warm-up and falls linearly to zero over the last quarter, so a run can be
resumed with more steps. A running average of the weights is saved, which is usable long before the end.

On a CPU one process per core is much faster than one process with as many threads (the operations are small): every
worker draws its own batches, and gradients are averaged. `torchrun --nproc-per-node 2 -m export_onnx.demo_voice train`
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from export_onnx.checkpoint.architecture import STYLE_HALF
from export_onnx.demo_voice.trainer import student_checkpoint as checkpoint
from export_onnx.demo_voice.trainer import teacher
from export_onnx.demo_voice.trainer.batches import Batch, Sampler
from export_onnx.demo_voice.trainer.losses import masked_l1, mel_loss, spectral_loss
from export_onnx.demo_voice.trainer.progress import track
from export_onnx.demo_voice.trainer.student import (
    F0_SCALE,
    Student,
    decoder_front,
    durations_and_features,
    encode_text,
    hold_features,
    load_config,
    padding_mask,
)


@dataclass(frozen=True)
class TrainingRecipe:
    """Every choice of the training.

    Attributes:
        short, long: (count, frames) of each worker's vocoder batches: short ones first, for variety; from step
            `long_from` long ones, for the statistics that AdaIN sees at inference.
        whole_batch, whole_frames: utterances, and the most frames of each, from which each worker learns the mel;
            a frame of it costs a twelfth of a frame of sound.
        prosody_every: steps; prosody learns from the same utterances, and faster.
    """

    seed: int = 0
    rate: float = 2e-3
    warmup: int = 100
    decay: float = 0.25
    average: float = 0.999
    clip: float = 5.0
    short: tuple[int, int] = (2, 24)
    long: tuple[int, int] = (1, 72)
    long_from: int = 2_500
    whole_batch: int = 6
    whole_frames: int = 160
    prosody_every: int = 4
    save_every: int = 250


def sound_losses(student: Student, batch: Batch, *, with_audio: bool) -> dict[str, torch.Tensor]:
    """Distances of the decoder from the teacher's sound, from the teacher's durations, F0 and energy.

    Args:
        student: trained.
        batch: windows.
        with_audio: the generator too; without it only the mel that its input holds, at a small part of the cost.
    """
    style = student.style(batch.features)[:, :STYLE_HALF]
    encoded = encode_text(student.model, batch.ids, batch.lengths)
    windows = enumerate(batch.starts)
    asr = torch.stack([hold_features(encoded[i], batch.durations[i], start, batch.frames) for i, start in windows])
    features = decoder_front(student.model.decoder, asr, batch.f0, batch.energy, style)
    losses = {"mel": mel_loss(student.mel_head(features), batch.audio)}
    if with_audio:
        said = student.model.decoder.generator(features, style, batch.f0)
        losses["spectral"] = spectral_loss(said.squeeze(1), batch.audio)
    return losses


def prosody_losses(student: Student, batch: Batch) -> dict[str, torch.Tensor]:
    """Absolute errors: frames per token, F0 in units of 100 Hz, energy in nepers."""
    style = student.style(batch.features)[:, STYLE_HALF:]
    durations, d = durations_and_features(student.model, batch.ids, batch.lengths, style)
    real = (~padding_mask(batch.lengths)).float()
    en = torch.stack(
        [hold_features(d[i], batch.durations[i], start, batch.frames) for i, start in enumerate(batch.starts)]
    )
    f0, energy = student.model.predictor.F0Ntrain(en, style)
    return {
        "duration": masked_l1(durations, batch.durations.float(), real),
        "f0": (f0 - batch.f0).abs().mean() / F0_SCALE,
        "energy": (energy - batch.energy).abs().mean(),
    }


def learning_rate(recipe: TrainingRecipe, step: int, steps: int) -> float:
    """Warm-up, constant, linear to zero over the last `decay` of the steps."""
    left = (steps - step) / max(1.0, recipe.decay * steps)
    return recipe.rate * min(1.0, (step + 1) / recipe.warmup, left)


class Trainer:
    """Student, optimizer, running average and random state: everything that a resumed run needs."""

    def __init__(self, recipe: TrainingRecipe, data: Path, state: Path, *, compiled: bool) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.state = recipe, state
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.student = Student(load_config()).to(self.device).train()
        self.optimizer = torch.optim.AdamW(self.student.parameter_groups(recipe.rate), betas=(0.8, 0.99), fused=True)
        self.average = {k: v.detach().clone() for k, v in self.student.state_dict().items()}
        self.worker = dist.get_rank() if dist.is_initialized() else 0
        self.workers = dist.get_world_size() if dist.is_initialized() else 1
        self.generator = torch.Generator().manual_seed(recipe.seed + self.worker)
        self.sampler = Sampler(teacher.load_taught(data), self.generator, self.device)
        self.step, self.seconds = 0, 0.0
        self.sums: dict[str, tuple[float, int]] = {}
        if state.exists():
            self._resume(torch.load(state, map_location=self.device, weights_only=True))
        if compiled:  # about a quarter faster on a CPU, after two minutes of compiling; needs a C++ compiler
            torch._dynamo.config.recompile_limit = 64  # every block is one more shape of the same code
            generator = self.student.model.decoder.generator
            for block in (*generator.resblocks, *generator.noise_res):
                block.compile(dynamic=False)

    def _resume(self, saved: dict[str, Any]) -> None:
        self.student.load_state_dict(saved["student"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.average = saved["average"]
        self.step, self.seconds = saved["step"], saved["seconds"]
        self.generator.manual_seed(self.recipe.seed + self.worker + self.step * self.workers)
        torch.manual_seed(self.recipe.seed + self.worker + self.step * self.workers)

    def save(self) -> None:
        """Writes the state, by way of a second file: an interrupted write must not cost the run."""
        if self.worker:
            return
        saved = {
            "student": self.student.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
            "step": self.step,
            "seconds": self.seconds,
        }
        partial = self.state.with_suffix(".partial")
        torch.save(saved, partial)
        partial.replace(self.state)
        checkpoint.write_checkpoint(self.average, load_config(), self.state.parent / "checkpoint")

    def _count(self, name: str, value: torch.Tensor) -> None:
        total, count = self.sums.get(name, (0.0, 0))
        self.sums[name] = (total + float(value.detach()), count + 1)

    def _log(self, rate: float) -> None:
        if self.worker:
            return
        means = {name: round(total / count, 4) for name, (total, count) in self.sums.items()}
        entry = {"step": self.step, "minutes": round(self.seconds / 60, 1), "rate": round(rate, 6), **means}
        with self.state.with_suffix(".log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")
        self.sums = {}

    def _share_gradients(self) -> None:
        """Every worker gets the mean gradient, in one message."""
        if self.workers == 1:
            return
        gradients = [p.grad for p in self.student.parameters() if p.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        pieces = torch.split(flat / self.workers, [gradient.numel() for gradient in gradients])
        for gradient, piece in zip(gradients, pieces, strict=True):
            gradient.copy_(piece.view_as(gradient))

    def advance(self, steps: int) -> None:
        """One step of `steps`."""
        began = time.monotonic()
        rate = learning_rate(self.recipe, self.step, steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        self.optimizer.zero_grad(set_to_none=True)
        count, frames = self.recipe.short if self.step < self.recipe.long_from else self.recipe.long
        parts = list(sound_losses(self.student, self.sampler.windows(count, frames), with_audio=True).items())
        whole = self.sampler.alike(self.recipe.whole_batch, self.recipe.whole_frames)
        parts += sound_losses(self.student, whole, with_audio=False).items()
        if self.step % self.recipe.prosody_every == 0:
            parts += prosody_losses(self.student, whole).items()
        for name, part in parts:
            self._count(name, part)
        loss = torch.stack([part for _, part in parts]).sum()
        torch.autograd.backward(loss)
        self._share_gradients()
        size = torch.nn.utils.clip_grad_norm_(self.student.parameters(), self.recipe.clip)
        if bool(torch.isfinite(size)):
            self.optimizer.step()
        else:
            self._count("skipped", torch.ones(()))
        keep = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        for name, value in self.student.state_dict().items():
            if value.dtype.is_floating_point:
                self.average[name].lerp_(value.detach(), 1 - keep)
        self.step += 1
        self.seconds += time.monotonic() - began
        if self.step % 50 == 0:
            self._log(rate)


def train(
    steps: int, data: Path, state: Path, recipe: TrainingRecipe | None = None, *, compiled: bool = False
) -> Trainer:
    """Train up to `steps` steps in all, from where `state` was left; saves now and then, and at the end.

    Args:
        data: the teacher's data set.
        state: written beside its log and a checkpoint of the average.
    """
    if "WORLD_SIZE" in os.environ and not dist.is_initialized():  # started by torchrun
        dist.init_process_group("gloo")
        torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # digital silence decays through subnormal numbers, which a CPU multiplies slowly
    trainer = Trainer(recipe or TrainingRecipe(), data, state, compiled=compiled)
    for _ in track(range(trainer.step, steps), "training"):
        trainer.advance(steps)
        if trainer.step % trainer.recipe.save_every == 0:
            trainer.save()
    trainer.save()
    torch.set_flush_denormal(False)  # a switch of the whole process
    return trainer
