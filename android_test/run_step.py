"""`kokoro-npu <step> …`: the console script, which does the same as `python -m <step> …`.

It is in the last package of the chain, because it is the only code that imports every step. A step is imported only
when it runs, so that an environment with the extra `speak` alone can run `kokoro-npu selector speak`.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from typing import Final

from export_onnx import console

STEPS: Final = ("export_onnx", "calibrate", "quantize", "selector", "android_test")  # in the order of the pipeline


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one step with the arguments behind its name; returns its exit status."""
    parser = console.Parser(prog="kokoro-npu", description="One step of the pipeline, as `python -m <step>` runs it.")
    parser.add_argument("step", choices=STEPS, help="the folder of the step")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the step's own; `--help` lists them")
    options = parser.parse_args(arguments)
    status: int = importlib.import_module(f"{options.step}.__main__").main(options.arguments)
    return status


def console_script() -> int:
    """The entry point of the console script: errors in one line, exit status as `console.EXIT_STATUS` says."""
    return console.guarded(main)
