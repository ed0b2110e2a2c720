"""The fused operator AdaIN against stock operators, by path, length, threads and mask; and against planted defects."""

from __future__ import annotations

import itertools
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from export_onnx.errors import ContractError, DeviceError
from export_onnx.proof.decibels import snr
from export_onnx.run.sessions import SessionSettings, cpu_session, run_session
from quantize.ops.build_library import PATH_CHOICE, ops_library
from tests.quantize.adain_graphs import ZERO, AdainCase

# Measured with the seeds below: at least 69 dB. A byte whose value lies at a tie between two steps may be one step off.
FLOOR = 59
SUM_FLOOR = 138  # measured: 148
ACTIVE_FLOOR = 122  # measured: 132
SINE_FLOOR = 133  # measured: 143.6
PATH_FLOOR = 53  # measured: 63.5 on x86-64 and ARM; where the paths put a tie on different sides
PATH_FLOATS_FLOOR = 120  # measured: 130
MOMENTS_FLOOR = 95  # measured: 105
FLOAT_CONV_FLOOR = 56  # measured: 66; inputs and weights have about 12 bits
X86_PATHS = ("plain", "avx2", "avx512")
CASES = [
    AdainCase(channels, columns, has_bytes, has_added, has_mask, snake, floats)
    for channels, columns in ((5, 4099), (64, 641))
    for has_bytes, has_added in ((True, False), (False, True), (True, True))
    for has_mask, snake, floats in itertools.product((False, True), repeat=3)
]


def supported(library: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forces a path, or skips the test where this processor lacks it."""
    monkeypatch.setenv(PATH_CHOICE, path)
    try:
        fused(library, AdainCase(1, 1), {})
    except ContractError as error:
        if "is no path of this processor" not in str(error):
            raise
        pytest.skip(f"this processor has no {path}")


def fused(library: Path, case: AdainCase, changed: dict[str, str], threads: int = 1) -> dict[str, NDArray[Any]]:
    settings = SessionSettings(threads=threads, libraries=(library,))
    return run_session(cpu_session(case.fused(**changed), settings), case.feed())


def distance(wanted: dict[str, NDArray[Any]], found: dict[str, NDArray[Any]]) -> float:
    """dB between the dequantized outputs."""
    return snr(wanted["out"].astype(int) - ZERO, found["out"].astype(int) - ZERO)


@pytest.mark.parametrize("path", X86_PATHS)
def test_every_path_computes_what_stock_operators_do(ops: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    supported(ops, path, monkeypatch)
    for case in CASES:
        wanted = run_session(cpu_session(case.stock()), case.feed())
        for threads in (1, 4):
            found = fused(ops, case, {}, threads)
            assert distance(wanted, found) >= FLOOR, case
            assert np.abs(wanted["out"].astype(int) - found["out"]).max() <= 1, case
            if case.floats:
                assert snr(wanted["active"], found["active"]) >= ACTIVE_FLOOR, case
            if case.has_sum:
                assert snr(wanted["sum"], found["sum"]) >= SUM_FLOOR, case


@pytest.mark.parametrize("columns", [1, 2, 15, 17, 63, 65, 127])
def test_few_columns(ops: Path, columns: int) -> None:
    case = AdainCase(3, columns, has_added=True, has_mask=True)
    wanted = run_session(cpu_session(case.stock()), case.feed())
    found = fused(ops, case, {})
    assert np.abs(wanted["out"].astype(int) - found["out"]).max() <= 1


def moments_of(values: NDArray[Any], parts: int) -> NDArray[np.float32]:
    """[1, parts, 3, C] of values [1, C, 1, T]."""
    pieces = np.array_split(values[0, :, 0].astype(np.float64), parts, axis=1)
    rows = [(p.mean(axis=1), p.var(axis=1) * p.shape[1], np.full(len(p), p.shape[1])) for p in pieces]
    return np.asarray(rows, np.float32)[None]


def with_moments(case: AdainCase, shape: list[int]) -> onnx.ModelProto:
    model = case.fused(moments="moments")
    model.graph.input.append(helper.make_tensor_value_info("moments", TensorProto.FLOAT, shape))
    return model


def test_given_moments_replace_its_own(ops: Path) -> None:
    case = AdainCase(64, 641, has_bytes=False, has_added=True, floats=True)
    feed = case.feed()
    moments = moments_of(feed["added"], 5)
    session = cpu_session(with_moments(case, list(moments.shape)), SessionSettings(threads=2, libraries=(ops,)))
    wanted = fused(ops, case, {})["active"]
    assert snr(wanted, run_session(session, feed | {"moments": moments})["active"]) >= ACTIVE_FLOOR
    wrong = moments_of(feed["added"] + 0.1, 5)  # the planted defect
    assert snr(wanted, run_session(session, feed | {"moments": wrong})["active"]) < ACTIVE_FLOOR - 60


@pytest.mark.parametrize(
    ("case", "shape", "message"),
    [
        (AdainCase(5, 9, has_bytes=False, has_added=True, has_mask=True), [1, 1, 3, 5], "without mask"),
        (AdainCase(5, 9), [1, 1, 3, 5], "of added alone"),
        (AdainCase(5, 9, has_bytes=False, has_added=True), [1, 1, 3, 6], r"not \[1, parts, 3, C\]"),
        (AdainCase(5, 9, has_bytes=False, has_added=True), [1, 1, 2, 5], r"not \[1, parts, 3, C\]"),
        (AdainCase(5, 9, has_bytes=False, has_added=True), [1, 0, 3, 5], "of another number of columns"),
        (AdainCase(5, 9, has_bytes=False, has_added=True), [1, 2, 3, 5], "of another number of columns"),
    ],
    ids=str,
)
def test_moments_that_do_not_fit_are_refused(ops: Path, case: AdainCase, shape: list[int], message: str) -> None:
    session = cpu_session(with_moments(case, shape), SessionSettings(libraries=(ops,)))
    with pytest.raises(ContractError, match=message):
        run_session(session, case.feed() | {"moments": np.ones(shape, np.float32)})


def test_bytes_at_the_mask_do_not_count(ops: Path) -> None:
    case = AdainCase(4, 501, has_mask=True)
    settings = SessionSettings(libraries=(ops,))
    feed = case.feed()
    loud = feed | {"bytes": np.where(feed["mask"] == 0, 255, feed["bytes"]).astype(np.uint8)}
    session = cpu_session(case.fused(), settings)
    first, second = run_session(session, feed)["out"], run_session(session, loud)["out"]
    assert (first == second).all()
    assert (first[:, :, :, -50:] == ZERO).all()


@pytest.mark.parametrize(
    ("case", "changed"),
    [
        (AdainCase(5, 4099, has_added=True), {"factor": "one"}),
        (AdainCase(5, 4099), {"shift": "gain"}),
        (AdainCase(5, 4099, has_mask=True), {"mask": ""}),
        (AdainCase(5, 4099), {"frequency": "", "amplitude": ""}),
        (AdainCase(5, 4099, has_added=True, snake=False), {"zero": "byte_zero"}),
    ],
)
def test_a_defect_falls_below_the_floor(ops: Path, case: AdainCase, changed: dict[str, str]) -> None:
    wanted = run_session(cpu_session(case.stock()), case.feed())
    assert distance(wanted, fused(ops, case, changed)) < FLOOR - 15


@pytest.mark.parametrize(
    ("case", "changed", "message"),
    [
        (AdainCase(5, 9), {"bytes": ""}, "neither bytes nor added"),
        (AdainCase(5, 9), {"amplitude": ""}, "half a Snake"),
        (AdainCase(5, 9), {"gain": "many"}, "neither one number nor one per channel"),
        (AdainCase(5, 9, has_mask=True), {"mask": "shift"}, "the mask has another length"),
        (AdainCase(5, 5), {"mask": "gain"}, "a mask holds 0 and 1 only"),
        (AdainCase(5, 9), {"step": "shift"}, "bytes need one step"),
    ],
)
def test_wrong_inputs_are_refused(ops: Path, case: AdainCase, changed: dict[str, str], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        fused(ops, case, changed)


def test_an_unknown_path_is_refused(ops: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PATH_CHOICE, "quantum")
    with pytest.raises(ContractError, match="KOKORO_NPU_OPS_PATH=quantum is no path of this processor"):
        fused(ops, AdainCase(1, 9), {})


def test_a_model_needs_its_library() -> None:
    with pytest.raises(ContractError, match="kokoro_npu"):
        cpu_session(AdainCase(1, 9).fused())
    with pytest.raises(ContractError, match=r"absent\.so"):
        cpu_session(AdainCase(1, 9).stock(), SessionSettings(libraries=(Path("absent.so"),)))


def test_a_missing_compiler_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="expected pdp11-gcc, got none"):
        ops_library(tmp_path, tmp_path, "pdp11")
    with pytest.raises(DeviceError, match=r"has no onnxruntime_c_api\.h"):
        ops_library(tmp_path, tmp_path / "work")


def compared(program: list[str]) -> tuple[dict[str, list[float]], float]:
    """The program's answers (compare_paths.cpp lists them): by path, and the sine's distance."""
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    paths = {line[1]: [float(number) for number in line[3:]] for line in lines if line[0] == "path"}
    (sine,) = [float(line[1]) for line in lines if line[0] == "sine"]
    return paths, sine


def check_paths(program: list[str], *expected: str) -> None:
    paths, sine = compared(program)
    assert set(expected) <= set(paths)
    assert sine >= SINE_FLOOR
    for found, steps, total, active, added, wrong, moments, floats in paths.values():
        assert found >= PATH_FLOOR
        assert steps <= 1
        assert min(total, added) >= SUM_FLOOR - 5
        assert active >= PATH_FLOATS_FLOOR
        assert wrong == 0
        assert moments >= MOMENTS_FLOOR
        assert floats >= FLOAT_CONV_FLOOR
    planted, _ = compared([*program, "defect"])
    for found, _, total, active, added, wrong, moments, floats in planted.values():
        assert found < PATH_FLOOR - 30
        assert max(total, added) < SUM_FLOOR - 80
        assert active < PATH_FLOATS_FLOOR - 80
        assert wrong > 0
        assert moments < MOMENTS_FLOOR - 10
        assert floats < FLOAT_CONV_FLOOR - 50


def test_every_path_agrees_with_the_plain_one(ops: Path) -> None:
    check_paths([str(ops.parent / "compare_paths")], "plain")


@pytest.fixture(scope="module")
def on_arm(ops_headers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the library and of the program that compares its paths, for 64-bit ARM."""
    if shutil.which("aarch64-linux-gnu-g++") is None:
        pytest.skip("no cross compiler: apt install g++-aarch64-linux-gnu")
    folder = tmp_path_factory.mktemp("aarch64")
    program = Path(__file__).with_name("compare_paths.cpp")
    return ops_library(ops_headers, folder, "aarch64-linux-gnu", program).parent


def test_segments_fit_pages_of_16_kb(ops: Path, on_arm: Path) -> None:
    for library in (ops, on_arm / ops.name):
        said = subprocess.run(["readelf", "-lW", str(library)], capture_output=True, text=True, check=True).stdout
        alignments = [int(line.split()[-1], 16) for line in said.splitlines() if line.split()[:1] == ["LOAD"]]
        assert alignments
        assert min(alignments) >= 16384
        needed = subprocess.run(["readelf", "-dW", str(library)], capture_output=True, text=True, check=True).stdout
        assert "libstdc++" not in needed


# Permutations of bytes over two registers, which Cascade Lake lacks, and which `has_avx512` does not ask for.
VBMI = re.compile(r"\tv(?:permb|permi2b|permt2b|pmultishiftqb)\b")


def vbmi_in(program: Path) -> list[str]:
    said = subprocess.run(["objdump", "-d", str(program)], capture_output=True, text=True, check=True).stdout
    return VBMI.findall(said)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="instructions of x86-64")
def test_no_instruction_that_the_path_does_not_ask_for(ops: Path, tmp_path: Path) -> None:
    assert vbmi_in(ops) == []
    planted = tmp_path / "planted.c"
    planted.write_text('void permute(void) { __asm__("vpermt2b %zmm0, %zmm1, %zmm2"); }\n', encoding="utf-8")
    subprocess.run(["cc", "-c", "-mavx512vbmi", "-o", str(tmp_path / "planted.o"), str(planted)], check=True)
    assert len(vbmi_in(tmp_path / "planted.o")) == 1


@pytest.mark.parametrize("processor", ["cortex-a53", "cortex-a76", "max"])
def test_paths_on_arm(on_arm: Path, processor: str) -> None:
    if shutil.which("qemu-aarch64") is None:
        pytest.skip("no emulator: apt install qemu-user")
    paths = {"cortex-a53": ["neon"], "cortex-a76": ["dotprod", "neon"], "max": ["i8mm", "dotprod", "neon"]}[processor]
    check_paths(["qemu-aarch64", "-cpu", processor, str(on_arm / "compare_paths")], *paths, "plain")
