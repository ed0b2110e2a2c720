"""Pads one text's or sound's tensors to a bucket's length, and back. Everything behind the real length is zero.

A dynamic bucket takes every text at its own length: nothing is padded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export_onnx.buckets import BucketSize
from export_onnx.errors import ContractError
from export_onnx.geometry import frames_to_samples

Tensors = dict[str, NDArray[Any]]  # by contract name


def token_axis(bucket: BucketSize, tokens: int) -> int:
    """The length of the token axis for a text of `tokens` tokens."""
    return tokens if bucket.dynamic else bucket.tokens


def frame_axis(bucket: BucketSize, frames: int) -> int:
    """The length of the frame axis for a sound of `frames` frames."""
    return frames if bucket.dynamic else bucket.frames


def id_inputs(ids: Sequence[int], bucket: BucketSize) -> Tensors:
    """The inputs of `bert`, and the number of tokens: `ids`, `token_mask` [1, tokens] and `n_tokens` [1].

    Args:
        ids: [n], pads at both ends included.

    Raises:
        ContractError: more ids than the bucket has tokens.
    """
    n = len(ids)
    if n > bucket.tokens:
        raise ContractError(
            f"bucket {bucket.name}",
            expected=f"at most {bucket.tokens} tokens",
            got=str(n),
            todo="Take a larger bucket, or split the text.",
        )
    length = token_axis(bucket, n)
    return {
        "ids": resize(np.array([ids], np.int32), length),
        "token_mask": resize(np.ones((1, n), np.float32), length),
        "n_tokens": np.array([n], np.int32),
    }


def text_inputs(ids: Sequence[int], style: NDArray[np.float32], speed: float, bucket: BucketSize) -> Tensors:
    """The inputs that the text stages and `style` take from outside the chain, padded to the bucket.

    Args:
        ids: [n], pads at both ends included.
        style: [1, 256], a voice's row: timbre in the first half, prosody in the second.
        speed: 0.5 to 2; 1 is the voice's own.

    Raises:
        ContractError: more ids than the bucket has tokens.
    """
    timbre, prosody = np.split(style, 2, axis=1)
    return {
        **id_inputs(ids, bucket),
        "timbre_style": timbre.astype(np.float32),
        "prosody_style": prosody.astype(np.float32),
        "speed": np.array([speed], np.float32),
    }


def noise(bucket: BucketSize, seed: int | tuple[int, ...], frames: int | None = None) -> NDArray[np.float32]:
    """The source's standard-normal draws, [1, samples]. The first draws do not depend on the bucket.

    Args:
        frames: of the sound, which a dynamic bucket needs; by default the bucket's.
    """
    samples = frames_to_samples(bucket.frames if frames is None else frame_axis(bucket, frames))
    return np.random.default_rng(seed).standard_normal((1, samples), dtype=np.float32)


def resize(array: NDArray[Any], length: int) -> NDArray[Any]:
    """The last axis padded with zeros or cropped to `length`; callers crop padding only."""
    have = array.shape[-1]
    if length <= have:
        return np.ascontiguousarray(array[..., :length])
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, length - have)])


def waveform(values: Tensors) -> NDArray[np.float32]:
    """The real samples of a chain's result, [600 * n_frames]."""
    return values["waveform"][0, : frames_to_samples(int(values["n_frames"][0]))].astype(np.float32)
