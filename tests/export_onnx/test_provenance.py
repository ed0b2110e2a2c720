"""What a step's signature holds, and that a step refuses what the step before made for another build."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from calibrate import __main__ as calibrate_command
from calibrate.capture import graphs_of
from export_onnx import provenance
from export_onnx.contracts import GRAPHS, QUANTIZED, STAGES, VOCODER
from export_onnx.errors import ContractError
from export_onnx.graph.shared_weights import ModelFolder, content_digest, load
from export_onnx.provenance import ROOT, code_files, depends_on, package_version, refuse_other_birth, signature
from export_onnx.text.front_ends import english_front_end
from export_onnx.text.lexicon import BUILTIN
from quantize import __main__ as quantize_command
from selector.package.build_inputs import read_build_inputs, read_target_inputs
from selector.package.make_packages import packages_signature
from tests.conftest import Small
from tests.selector.selector_fakes import make_build
from tests.test_layout import STEPS

WEIGHTS = {"name": "random-small", "sha256": {"a": "1"}}


def names(*folders: str) -> set[str]:
    return {file.relative_to(ROOT).as_posix() for file in code_files(*folders)}


def test_code_is_what_a_folder_holds_and_what_it_imports() -> None:
    calibrate, quantize = names("calibrate"), names("quantize")
    assert {"calibrate/corpus.py", "export_onnx/run/text.py", "export_onnx/demo_voice/sentences.py"} <= calibrate
    assert not {name for name in calibrate if name.startswith(("quantize/", "export_onnx/demo_voice/trainer/"))}
    assert {"calibrate/speech.py", "export_onnx/run/text.py", "quantize/sound/choose_scales.py"} <= quantize
    assert not {name for name in quantize if name.startswith(("selector/", "android_test/"))}
    assert "quantize/recipes.py" in names("selector")
    assert names("export_onnx/errors.py") == {"export_onnx/errors.py"}


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project somewhere else, where files may be changed."""
    root = tmp_path / "copy"
    for step in STEPS:
        shutil.copytree(
            ROOT / step, root / step, ignore=shutil.ignore_patterns("__pycache__", "checkpoint.pth", "*.onnx")
        )
    monkeypatch.setattr(provenance, "ROOT", root)
    return root


def edit(file: Path, *, back: bool = False) -> None:
    text = file.read_text(encoding="utf-8")
    file.write_text(text.removesuffix("# edited\n") if back else f"{text}# edited\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("step", "file", "counts"),
    [
        ("calibrate", "export_onnx/run/text.py", True),
        ("calibrate", "export_onnx/text/abbreviations.py", True),
        ("calibrate", "export_onnx/text/builtin_lexicon.txt", True),
        ("calibrate", "export_onnx/demo_voice/sentences_train.txt", True),
        ("calibrate", "export_onnx/graph/merge.py", False),
        ("calibrate", "quantize/gates.py", False),
        ("quantize", "calibrate/voices.py", True),
        ("quantize", "export_onnx/run/text.py", True),
        ("quantize", "export_onnx/demo_voice/sentences_held_out.txt", True),
        ("quantize", "selector/text/chunk.py", False),
        ("selector", "quantize/recipes.py", True),
        ("selector", "export_onnx/run/text.py", True),
        ("selector", "export_onnx/text/wordings.py", True),
        ("selector", "android_test/bench/measure.py", False),
    ],
)
def test_an_edit_counts_where_its_file_decides(copy: Path, step: str, file: str, counts: bool) -> None:
    before = depends_on(step)
    edit(copy / file)
    assert (depends_on(step) != before) == counts
    edit(copy / file, back=True)
    assert depends_on(step) == before


def test_the_lexicon_that_signs_is_the_one_that_speaks() -> None:
    assert (provenance.ROOT / provenance.LEXICON).samefile(BUILTIN)


def other_front_end(patch: pytest.MonkeyPatch) -> None:
    now = english_front_end("en-us")
    patch.setattr(provenance, "english_front_end", lambda language: "misaki-espeak" if now == "misaki" else "misaki")


def other_version(package: str) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(
        provenance, "package_version", lambda name: "0" if name == package else package_version(name)
    )


FRONT_ENDS = {
    "spaCy's model comes or goes": other_front_end,
    "another misaki": other_version("misaki"),
    "another espeak": other_version("espeakng-loader"),
    "another num2words": other_version("num2words"),
}


@pytest.fixture(scope="module")
def build(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small export, and a calibration's report that belongs to it."""
    build = tmp_path_factory.mktemp("build")
    source = build / "export_onnx"
    shutil.copytree(small.folder, source)
    np.save(source / "voices" / "random_a.npy", np.zeros((510, 256), np.float32))
    bucket = small.bucket.name
    everything = [*(stage.name for stage in STAGES), *GRAPHS]
    write(source, {"signature": "e", "weights": WEIGHTS, "stages": everything, "buckets": [bucket]})
    stages = list(QUANTIZED)
    made_from = {"weights": signature(weights=WEIGHTS)} | graphs_of(source, bucket, stages)
    ranged = {"signature": "c", "weights": WEIGHTS, "stages": stages, "bucket": bucket, "made_from": made_from}
    write(build / "calibrate", ranged)
    return build


def write(folder: Path, report: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")


def test_only_what_still_holds_its_files_is_up_to_date(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"a")
    digests = {"a.bin": provenance.sha256(tmp_path / "a.bin")}
    for files, holds in ((digests, True), ({}, False), (digests | {"b.bin": "0"}, False), ({"a.bin": "0"}, False)):
        write(tmp_path, {"signature": "s", "files": files})
        assert provenance.is_up_to_date(tmp_path, "s") is holds
        assert not provenance.is_up_to_date(tmp_path, "another")


Signed = Callable[..., str]


@pytest.fixture
def signed(build: Path, small: Small, monkeypatch: pytest.MonkeyPatch) -> dict[str, Signed]:
    """Step -> what gives its signature, with further arguments of its command line."""
    found: list[str] = []

    def asked(folder: Path, wanted: str) -> bool:
        found.append(wanted)
        return True  # nothing is made

    for command in (calibrate_command, quantize_command):
        monkeypatch.setattr(command, "is_up_to_date", asked)
        monkeypatch.setattr(command, "BUCKETS", (small.bucket,))

    def run(main: Callable[[list[str]], int], *arguments: str) -> str:
        assert main(["--build", str(build), *arguments]) == 0
        return found[-1]

    return {
        "calibrate": lambda *more: run(calibrate_command.main, *more),
        "quantize": lambda *more: run(quantize_command.main, "--targets", "nnapi", *more),
    }


@pytest.mark.parametrize("change", FRONT_ENDS)
def test_another_front_end_is_another_signature(
    signed: dict[str, Signed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    inputs = read_build_inputs(make_build(tmp_path / "fake"))
    targets = [read_target_inputs(inputs, "cpu")]
    steps: dict[str, Callable[[], str]] = {**signed, "package": lambda: packages_signature(inputs, targets, "1", None)}
    before = {step: sign() for step, sign in steps.items()}
    assert {step: sign() for step, sign in steps.items()} == before
    FRONT_ENDS[change](monkeypatch)
    for step, sign in steps.items():
        assert sign() != before[step], step


def test_another_corpus_of_the_same_name_is_another_signature(signed: dict[str, Signed], tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    sentences = [f"This is sentence number {number}." for number in range(60)]
    corpus.write_text("\n".join(sentences), encoding="utf-8")
    before = signed["calibrate"]("--corpus", str(corpus))
    assert signed["calibrate"]("--corpus", str(corpus)) == before
    corpus.write_text("\n".join([*sentences[:-1], "Another one stands here."]), encoding="utf-8")
    assert signed["calibrate"]("--corpus", str(corpus)) != before


def test_ranges_of_another_export_are_refused(
    build: Path, small: Small, signed: dict[str, Signed], tmp_path: Path
) -> None:
    signed["quantize"]()
    source, report = build / "export_onnx", json.loads((build / "export_onnx" / "report.json").read_text())
    write(source, report | {"weights": {**WEIGHTS, "sha256": {"a": "2"}}})
    with pytest.raises(
        ContractError, match=r"calibrate: expected a result of this build's weights, .*another.*-m calib"
    ):
        signed["quantize"]()
    write(source, report)
    bucket = small.bucket.name
    graphs = {path.stem: load(path) for path in sorted(source.glob("*.onnx"))}
    tensor = next(t for t in graphs[f"{VOCODER.name}_{bucket}"].graph.initializer if t.name.endswith("weight"))
    tensor.CopyFrom(numpy_helper.from_array(np.asarray(numpy_helper.to_array(tensor) * 1.01), tensor.name))
    saved = shutil.copytree(source, tmp_path / "saved")
    try:
        with ModelFolder(source) as models:
            for name, graph in graphs.items():
                models.save(graph, name)
        with pytest.raises(
            ContractError, match=f"a result of this build's {VOCODER.name}_{bucket}, got one of another"
        ):
            signed["quantize"]()
    finally:
        shutil.rmtree(source)
        shutil.copytree(saved, source)
    calibrated = json.loads((build / "calibrate" / "report.json").read_text())
    write(build / "calibrate", {name: value for name, value in calibrated.items() if name != "made_from"})
    with pytest.raises(ContractError, match="one that does not say of which"):
        signed["quantize"]()
    write(build / "calibrate", calibrated)
    signed["quantize"]()


def test_a_graph_s_digest_is_of_its_content_and_not_of_its_place(small: Small, tmp_path: Path) -> None:
    file = f"decoder_{small.bucket.name}"
    model, other = load(small.folder / f"{file}.onnx"), onnx.ModelProto()
    other.graph.initializer.append(numpy_helper.from_array(np.ones(5000, np.float32), "first"))
    with ModelFolder(tmp_path) as models:
        models.save(other, "other")
        moved = models.save(model, file)
    assert moved.read_bytes() != (small.folder / f"{file}.onnx").read_bytes(), "its weights begin elsewhere"
    assert content_digest(moved) == content_digest(small.folder / f"{file}.onnx")


def test_a_result_of_the_same_birth_is_taken(tmp_path: Path) -> None:
    refuse_other_birth(tmp_path, "step", {"a": "1", "b": "2"}, {"a": "1"})
    with pytest.raises(ContractError, match=r"this build's a, b, got one of another. Run `python -m step` again"):
        refuse_other_birth(tmp_path, "step", {"a": "1", "b": "2"}, {"a": "2", "b": "3"})
