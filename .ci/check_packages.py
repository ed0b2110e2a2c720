"""What `make export-int8` and `make speak` wrote: packages that load, and a WAV that holds sound."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soundfile

from android_test.device.linux_runner import lacking
from export_onnx.geometry import SAMPLE_RATE
from quantize.ops.fused_ops import FUSED_TARGET
from selector.package.opened import Package


def main(dist: Path, wav: Path, weights: str, targets: list[str]) -> None:
    """Exits with an assertion that says what is missing."""
    for target in targets:
        (folder,) = [p for p in dist.glob(f"kokoro-npu-{weights}-*-{target}") if p.is_dir()]
        package = Package.open(folder)
        assert "report.html" in package.manifest.files
        print(f"{folder.name}: {len(package.manifest.files)} files, every hash right")
        if target == FUSED_TARGET:
            print(f"    fused operators: {package.operators.fused}, {package.operators.reason}")
            assert package.operators.fused or lacking(), "this computer can build the library of fused operators"
    sound, rate = soundfile.read(wav)
    loudness = float(np.sqrt(np.mean(sound**2)))
    print(f"{wav}: {len(sound) / rate:.2f} s, RMS {loudness:.3f}")
    assert rate == SAMPLE_RATE
    assert 0.5 < len(sound) / rate < 5
    assert loudness > 0.005


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
