"""The table of stages and shapes in `docs/stages.md`, made from `contracts.py`; a test holds the file to it."""

from __future__ import annotations

from typing import Final

from export_onnx.buckets import BUCKETS
from export_onnx.checkpoint.architecture import load_architecture
from export_onnx.contracts import STAGES, Port, sizes
from export_onnx.marked_blocks import DOCS, MarkedBlock

STAGES_BLOCK: Final = MarkedBlock("stages", DOCS / "stages.md")


def stages_table() -> str:
    """Markdown: each stage's processor and ports, then the size of each name in each bucket."""
    lines = ["| stage | runs on | takes | gives |", "|---|---|---|---|"]
    for stage in STAGES:
        processor = "**NPU**" if stage.runs_on == "npu" else "CPU"
        takes, gives = (", ".join(_port(p) for p in ports) for ports in (stage.inputs, stage.outputs))
        lines.append(f"| `{stage.name}` | {processor} | {takes} | {gives} |")
    config = load_architecture("kokoro-82m")
    by_bucket = [sizes(config, bucket) for bucket in BUCKETS]
    lines += ["", "| size | " + " | ".join(bucket.name for bucket in BUCKETS) + " |", "|---|" + "---|" * len(BUCKETS)]
    lines += [f"| {name} | " + " | ".join(f"{s[name]:,}" for s in by_bucket) + " |" for name in by_bucket[0]]
    return "\n".join(lines)


def _port(port: Port) -> str:
    shape = ", ".join(str(size) for size in port.shape)
    return f"{port.name} [{shape}]" + (" int32" if port.dtype == "int32" else "")
