"""The demo voice's sentences: one per line in `sentences_<name>.txt`, empty lines and `#` comments between them."""

from __future__ import annotations

from importlib.resources import files


def read_sentences(name: str) -> list[str]:
    """The sentences of `sentences_<name>.txt`: `train`, `held_out` or `small_vocabulary`."""
    file = files("export_onnx.demo_voice").joinpath(f"sentences_{name}.txt")
    return sentence_lines(file.read_text(encoding="utf-8"))


def sentence_lines(text: str) -> list[str]:
    """The stripped lines of `text`, in order; empty lines and lines that begin with `#` are left out."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
