"""kokoro-onnx in the race: it gets this text's phonemes, row and threads, and ratios against it are of pairs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import onnx
import pytest
from onnx import TensorProto, helper

from android_test.bench import kokoro_onnx
from android_test.bench.contenders import contender
from android_test.bench.kokoro_onnx import PINNED, PINNED_SHA256, KokoroOnnxRunner, install_rival
from android_test.bench.measure import Course, bench_row
from android_test.bench.runners import BenchRequest, runner_class
from android_test.bench.tables import bench_block
from export_onnx.errors import ContractError
from tests.android_test.test_bench import measured, runs

FAKE = """
import numpy
class Kokoro:
    @classmethod
    def from_session(cls, session, voices):
        made = cls()
        made.session, made.rows = session, numpy.load(voices)["voice"]
        return made
    def create(self, phonemes, style, is_phonemes, trim):
        assert is_phonemes and not trim and phonemes == "abc"
        assert numpy.array_equal(style, self.rows) and style.shape == (5, 1, 256)
        return numpy.full(24000, 0.5, numpy.float32), 24000
"""


def request(tmp_path: Path) -> BenchRequest:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    same = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [same])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), tmp_path / "m.onnx")
    model, rival = str(tmp_path / "m.onnx"), str(tmp_path / "rival")
    ids, style = (0, 1, 2, 3, 0), (0.5,) * 256
    return BenchRequest(
        "kokoro-onnx", "kokoro-onnx", 1, "T.", "v", ids, style, model=model, phonemes="abc", rival=rival
    )


def test_it_gets_phonemes_and_the_text_s_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "kokoro_onnx", raising=False)
    (tmp_path / "rival" / "kokoro_onnx").mkdir(parents=True)
    (tmp_path / "rival" / "kokoro_onnx" / "__init__.py").write_text(FAKE)
    asked = request(tmp_path)
    assert runner_class(asked) is KokoroOnnxRunner
    runner = KokoroOnnxRunner(asked)
    assert runner.disk_bytes == (tmp_path / "m.onnx").stat().st_size
    assert runner.run().audio_seconds == 1.0
    monkeypatch.delitem(sys.modules, "kokoro_onnx")


def test_it_is_installed_once_by_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def pip(command: list[str], **_: object) -> SimpleNamespace:
        asked.append(command)
        return SimpleNamespace(returncode=1, stderr="something\nno such wheel\n")

    monkeypatch.setattr(subprocess, "run", pip)
    with pytest.raises(ContractError, match="no such wheel"):
        install_rival(tmp_path)
    assert (tmp_path / "requirements.txt").read_text() == f"{PINNED} --hash=sha256:{PINNED_SHA256}\n"
    assert {"--require-hashes", "--no-deps"} <= set(asked[0])
    (tmp_path / "kokoro_onnx").mkdir()
    install_rival(tmp_path)
    assert len(asked) == 1
    assert kokoro_onnx.published_file(tmp_path).name == "kokoro-v1.0.int8.onnx"


def test_ratios_against_it_are_of_pairs_and_stand_behind_pytorch_s() -> None:
    loaded = {"load_seconds": 1.5, "disk_mb": 10.0}
    names = ("pytorch", "kokoro-onnx", "cpu")
    slow, rival, fast = (
        Course(contender(n), loaded, runs(*s)) for n, s in zip(names, ((4.0, 8.0), (2.0, 9.0), (1.0, 2.0)), strict=True)
    )
    row = bench_row(fast, slow, rival)
    assert (row["ratio"], row["rival_ratio"]) == (4.0, 3.25)
    assert "rival_ratio" not in bench_row(fast, slow, Course(contender("kokoro-onnx"), error="died"))
    assert "rival_ratio" not in bench_row(fast, slow)
    common: dict[str, object] = {"weights": "random", "text": "13", "tokens": 13, "threads": 2}
    rows = [common | bench_row(one, slow, rival) for one in (slow, rival, fast)]
    block = bench_block(measured() | {"rows": rows})
    assert "(4.00x, 3.25x)" in block
    assert "| 6,000 (0.73x) |" not in block
    assert rows[1]["rival_ratio"] == 1.0
