"""What `make export-int8` and `make speak` wrote: packages that load, and a WAV that holds sound."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soundfile

from export_onnx.geometry import SAMPLE_RATE
from selector.package.opened import Package


def main(dist: Path, wav: Path, weights: str, targets: list[str]) -> None:
    """Exits with an assertion that says what is missing."""
    for target in targets:
        (folder,) = [p for p in dist.glob(f"kokoro-npu-{weights}-*-{target}") if p.is_dir()]
        package = Package.open(folder)
        assert "report.html" in package.manifest.files
        print(f"{folder.name}: {len(package.manifest.files)} files, every hash right")
    sound, rate = soundfile.read(wav)
    loudness = float(np.sqrt(np.mean(sound**2)))
    print(f"{wav}: {len(sound) / rate:.2f} s, RMS {loudness:.3f}")
    assert rate == SAMPLE_RATE
    assert 0.5 < len(sound) / rate < 5
    assert loudness > 0.005


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
