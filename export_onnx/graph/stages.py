"""Each stage of `contracts.py` as a module: the slice of the original model that computes it, after surgery.

Decoder and generator are one module, the vocoder, whose graph is cut later (cut.py).

Building a stage does not change the original, which is the reference. Each forward takes and gives the contract's
tensors in its order; shapes in the comments are the contract's. In a dynamic bucket there is no padding: the ports that
tell of it are None, and the stages leave out masks and what is appended to reach a length.
"""

from __future__ import annotations

import torch
from kokoro.model import KModel
from torch import Tensor, nn

from export_onnx import contracts, geometry
from export_onnx.buckets import Bucket
from export_onnx.surgery.albert import Albert
from export_onnx.surgery.alignment import token_of_frame
from export_onnx.surgery.conv2d import conv2d_from_conv1d, conv2d_from_linear
from export_onnx.surgery.harmonic_source import HarmonicSource
from export_onnx.surgery.layer_norm import ChannelNorm
from export_onnx.surgery.mask import Mask, column_mask, make_mask, repeat_steps, spectral_mask
from export_onnx.surgery.masked_lstm import MaskedLstm
from export_onnx.surgery.polyphase import PolyphaseUpsample
from export_onnx.surgery.reflect_pad import reflect_left
from export_onnx.surgery.resblocks import LeakyResBlock, SnakeResBlock
from export_onnx.surgery.stft import InverseStft, Stft
from export_onnx.surgery.style import AllStyleLayers, StyleParts


class Bert(nn.Module):
    """ids, token_mask -> d_en."""

    def __init__(self, model: KModel, bucket: Bucket) -> None:
        super().__init__()
        self.albert = Albert(model.bert, bucket.tokens)
        self.encoder = conv2d_from_linear(model.bert_encoder)

    def forward(self, ids: Tensor, token_mask: Tensor | None) -> Tensor:
        """The text as ALBERT reads it."""
        d_en = self.encoder(self.albert(ids, token_mask))
        d_en = d_en if token_mask is None else d_en * token_mask.reshape(1, 1, 1, -1)
        return d_en.squeeze(2)  # [1, hidden, tokens]


class Duration(nn.Module):
    """ids, d_en, n_tokens, prosody_style, speed -> frames_per_token, d, t_en."""

    def __init__(self, model: KModel, bucket: Bucket) -> None:
        super().__init__()
        predictor, encoder = model.predictor, model.text_encoder
        self.lstms = nn.ModuleList(MaskedLstm(m) for m in predictor.text_encoder.lstms[0::2])
        norms = predictor.text_encoder.lstms[1::2]
        self.styles = nn.ModuleList(nn.Linear(n.fc.in_features, n.fc.out_features) for n in norms)
        for ours, norm in zip(self.styles, norms, strict=True):
            ours.load_state_dict(norm.fc.state_dict())
        self.eps = norms[0].eps
        self.lstm = MaskedLstm(predictor.lstm)
        self.project = conv2d_from_linear(predictor.duration_proj.linear_layer)
        self.symbols = nn.Parameter(encoder.embedding.weight.detach().clone(), requires_grad=False)
        self.convs = nn.ModuleList(conv2d_from_conv1d(block[0]) for block in encoder.cnn)
        self.norms = nn.ModuleList(ChannelNorm(block[1].gamma, block[1].beta, block[1].eps) for block in encoder.cnn)
        self.slope = encoder.cnn[0][2].negative_slope
        self.text_lstm = MaskedLstm(encoder.lstm)

    def forward(
        self, ids: Tensor, d_en: Tensor, n_tokens: Tensor | None, prosody_style: Tensor, speed: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Frames per token, and the features of text and durations."""
        if n_tokens is None:
            real = torch.ones_like(d_en[:, :1])
        else:
            real = (torch.arange(ids.shape[1], dtype=torch.int32) < n_tokens).float().reshape(1, 1, -1)
        style = prosody_style.unsqueeze(2) * real  # [1, style, tokens]
        d = torch.cat([d_en * real, style], 1)
        for lstm, fc in zip(self.lstms, self.styles, strict=True):
            d = lstm(d, n_tokens)
            gamma, beta = fc(prosody_style).unsqueeze(2).chunk(2, 1)
            centred = d - d.mean(1, keepdim=True)
            normal = centred / torch.sqrt((centred * centred).mean(1, keepdim=True) + self.eps)
            d = torch.cat([((1 + gamma) * normal + beta) * real, style], 1)  # [1, hidden+style, tokens]
        logits = self.project(self.lstm(d, n_tokens).unsqueeze(2))  # [1, max_dur, 1, tokens]
        frames = torch.round(torch.sigmoid(logits).sum(1).squeeze(1) / speed).clamp(min=1)
        frames_per_token = (frames * real.squeeze(1)).to(torch.int32)

        t_en = nn.functional.embedding(ids, self.symbols).permute(0, 2, 1) * real
        for conv, norm in zip(self.convs, self.norms, strict=True):
            t_en = nn.functional.leaky_relu(norm(conv(t_en.unsqueeze(2))), self.slope).squeeze(2) * real
        return frames_per_token, d, self.text_lstm(t_en, n_tokens)


class Prosody(nn.Module):
    """frames_per_token, d, t_en, prosody_style -> asr, f0, energy, n_frames, frame_mask."""

    def __init__(self, model: KModel, bucket: Bucket) -> None:
        super().__init__()
        predictor = model.predictor
        self.frames, padded = bucket.frames, not bucket.dynamic
        self.padded = padded
        self.shared = MaskedLstm(predictor.shared)
        self.f0_blocks, self.energy_blocks = (
            nn.ModuleList(LeakyResBlock(block, torch.float64, padded=padded) for block in blocks)
            for blocks in (predictor.F0, predictor.N)
        )
        self.f0_project = conv2d_from_conv1d(predictor.F0_proj)
        self.energy_project = conv2d_from_conv1d(predictor.N_proj)

    def forward(self, frames_per_token: Tensor, d: Tensor, t_en: Tensor, prosody_style: Tensor) -> tuple[Tensor, ...]:
        """The text features repeated for their frames, pitch and energy."""
        n_frames = frames_per_token.sum(1).to(torch.int32)  # [1]
        if not self.padded:
            token = token_of_frame(frames_per_token, n_frames.squeeze(0))
            asr, held = (torch.index_select(x, 2, token) for x in (t_en, d))
            shared = self.shared(held, None).unsqueeze(2)
            return asr, *self._curves(shared, prosody_style, None, None), n_frames
        frame_mask = (torch.arange(self.frames, dtype=torch.int32) < n_frames).float().unsqueeze(0)  # [1, frames]
        token = token_of_frame(frames_per_token, self.frames)
        asr = torch.index_select(t_en, 2, token) * frame_mask  # [1, hidden, frames]
        held = torch.index_select(d, 2, token) * frame_mask
        shared = self.shared(held, n_frames.clamp(max=self.frames)).unsqueeze(2)
        once = make_mask(frame_mask.reshape(1, 1, 1, -1))
        twice = make_mask(repeat_steps(once.real, 2))
        return asr, *self._curves(shared, prosody_style, once, twice), n_frames, frame_mask

    def _curves(self, shared: Tensor, style: Tensor, once: Mask | None, twice: Mask | None) -> tuple[Tensor, Tensor]:
        """F0 and energy, [1, f0] each; the masks are those of frames, and of two values per frame."""

        def curve(blocks: nn.ModuleList, project: nn.Module) -> Tensor:
            x, before = shared, once
            for block in blocks:
                after = twice if block.doubles else before
                x, before = block(x, style, before, after), after
            y: Tensor = project(x)
            return (y if twice is None else y * twice.real).reshape(1, -1)

        return curve(self.f0_blocks, self.f0_project), curve(self.energy_blocks, self.energy_project)


class Source(nn.Module):
    """f0, noise, n_frames -> har."""

    def __init__(self, model: KModel, bucket: Bucket) -> None:
        super().__init__()
        self.excite = HarmonicSource(model.decoder.generator.m_source)
        self.stft = Stft()

    def forward(self, f0: Tensor, noise: Tensor, n_frames: Tensor | None) -> Tensor:
        """The harmonic source as the vocoder reads it: 11 magnitudes, 11 phases."""
        if n_frames is None:
            return torch.cat(self.stft(self.excite(f0, noise), None), 1)
        frames = f0.shape[1] // geometry.F0_PER_FRAME
        n_frames = n_frames.clamp(max=frames)  # a sound that does not fit is refused outside; the graph must not crash
        excitation = self.excite(f0, noise)  # [1, samples]
        magnitude, phase = self.stft(excitation, n_frames * geometry.SAMPLES_PER_FRAME)
        har = torch.cat([magnitude, phase], 1) * column_mask(n_frames, frames, geometry.STAGE1_PER_FRAME)
        return nn.functional.pad(har, (0, geometry.COLUMNS_EXTRA - 1))  # [1, rows, columns]


class StyleStage(nn.Module):
    """timbre_style -> gains, shifts."""

    def __init__(self, model: KModel, bucket: Bucket) -> None:
        super().__init__()
        self.layers = AllStyleLayers(model.decoder)

    def forward(self, timbre_style: Tensor) -> tuple[Tensor, Tensor]:
        """The voice's gains and shifts for every norm of the vocoder."""
        gains, shifts = self.layers(timbre_style)
        return gains, shifts  # [1, norms]


CURVES = 2  # F0 and energy, one channel each beside the text's features


class Vocoder(nn.Module):
    """asr, f0, energy, har, gains, shifts, frame_mask -> spectrum."""

    def __init__(self, model: KModel, bucket: Bucket) -> None:
        super().__init__()
        decoder = model.decoder
        generator = decoder.generator
        self.f0_conv = conv2d_from_conv1d(decoder.F0_conv)
        self.energy_conv = conv2d_from_conv1d(decoder.N_conv)
        self.asr_res = conv2d_from_conv1d(decoder.asr_res[0])
        part, padded = StyleParts(decoder), not bucket.dynamic
        beside = self.asr_res.out_channels + CURVES
        self.encode = LeakyResBlock(decoder.encode, style=part, features=CURVES, padded=padded)
        self.decode = nn.ModuleList(
            LeakyResBlock(block, style=part, features=beside, padded=padded) for block in decoder.decode
        )
        self.ups = nn.ModuleList(PolyphaseUpsample(up) for up in generator.ups)
        self.noise_convs = nn.ModuleList(conv2d_from_conv1d(conv) for conv in generator.noise_convs)
        if padded:
            # The first one has a stride. Without right padding, columns behind the STFT's last one give no further
            # step.
            self.noise_convs[0].padding = (0, 0)  # type: ignore[assignment]
            self.noise_left = int(generator.noise_convs[0].padding[0])
        self.noise_res = nn.ModuleList(SnakeResBlock(block, part) for block in generator.noise_res)
        self.resblocks = nn.ModuleList(SnakeResBlock(block, part) for block in generator.resblocks)
        self.kernels = int(generator.num_kernels)
        self.conv_post = conv2d_from_conv1d(generator.conv_post)

    def forward(
        self,
        asr: Tensor,
        f0: Tensor,
        energy: Tensor,
        har: Tensor,
        gains: Tensor,
        shifts: Tensor,
        frame_mask: Tensor | None,
    ) -> Tensor:
        """Everything between text features and the inverse STFT: dense convolutions, 98 % of the work."""
        at_frames, at_f0, at_stage0, at_stage1 = None, None, None, None
        columns = inner = None
        if frame_mask is not None:
            at_frames = make_mask(frame_mask.reshape(1, 1, 1, -1))
            at_f0 = make_mask(repeat_steps(at_frames.real, geometry.F0_PER_FRAME))
            at_stage0 = make_mask(repeat_steps(at_frames.real, geometry.STAGE0_PER_FRAME))
            columns = har.shape[2]
            # Inside there is one more whole frame, because 120 rows divide that length but not 120F + 8 (fold_time.py).
            inner = columns + geometry.STAGE1_PER_FRAME - geometry.COLUMNS_EXTRA
            at_stage1 = make_mask(spectral_mask(at_frames.real, geometry.STAGE1_PER_FRAME, inner))

        style = (gains.reshape(1, -1, 1, 1), shifts.reshape(1, -1, 1, 1))
        asr = asr.unsqueeze(2)  # [1, hidden, 1, frames]
        curves = [self.f0_conv(f0.reshape(1, 1, 1, -1)), self.energy_conv(energy.reshape(1, 1, 1, -1))]
        x = self.encode(asr, style, at_frames, at_frames, torch.cat(curves, 1))
        beside = torch.cat([self.asr_res(asr), *curves], 1)
        for block in self.decode:
            after = at_f0 if block.doubles else at_frames
            x = block(x, style, at_frames, after, beside)

        har = har.unsqueeze(2)  # [1, rows, 1, columns]
        if inner is None or columns is None:
            sources = [conv(har) for conv in self.noise_convs]
        else:
            sources = [
                self.noise_convs[0](nn.functional.pad(har, (self.noise_left, 0))),
                self.noise_convs[1](nn.functional.pad(har, (0, inner - columns))),
            ]
        for i, (before, mask) in enumerate(((at_f0, at_stage0), (at_stage0, at_stage1))):
            x = self.ups[i](nn.functional.leaky_relu(x if before is None else x * before.real, 0.1))
            if i == 1:
                x = reflect_left(x, inner)
            x = x + self.noise_res[i](sources[i], style, mask)
            blocks = self.resblocks[i * self.kernels : (i + 1) * self.kernels]
            x = sum(block(x, style, mask) for block in blocks) * (1 / self.kernels)
        if at_stage1 is None:
            return self.conv_post(nn.functional.leaky_relu(x, 0.01)).squeeze(2)  # [1, rows, columns]
        x = nn.functional.leaky_relu(x * at_stage1.real, 0.01)
        return self.conv_post(x)[:, :, :, :columns].squeeze(2)


class Tail(nn.Module):
    """spectrum, n_frames -> waveform."""

    def __init__(self, model: KModel, bucket: Bucket) -> None:
        super().__init__()
        self.inverse = InverseStft()

    def forward(self, spectrum: Tensor, n_frames: Tensor | None) -> Tensor:
        """Exponential, sine and the inverse STFT, in float32, because every error here is heard."""
        if n_frames is None:
            return self.inverse(torch.exp(spectrum[:, : geometry.BINS]), torch.sin(spectrum[:, geometry.BINS :]), None)
        columns = spectrum.shape[2] - (geometry.COLUMNS_EXTRA - 1)
        magnitude = torch.exp(spectrum[:, : geometry.BINS, :columns])
        phase = torch.sin(spectrum[:, geometry.BINS :, :columns])
        real = column_mask(n_frames, columns // geometry.STAGE1_PER_FRAME, geometry.STAGE1_PER_FRAME)
        return self.inverse(magnitude, phase, real)


BUILDERS = {
    "bert": Bert,
    "duration": Duration,
    "prosody": Prosody,
    "source": Source,
    "style": StyleStage,
    "vocoder": Vocoder,
    "tail": Tail,
}


def build_stage(name: str, model: KModel, bucket: Bucket) -> nn.Module:
    """The named stage for one bucket, in evaluation mode, its weights copied from `model`.

    Raises:
        ContractError: there is no stage of that name.
    """
    return BUILDERS[contracts.stage(name).name](model, bucket).eval().requires_grad_(False)
