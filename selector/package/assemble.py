"""What the steps before made -> one package per target under `dist/`."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from export_onnx import contracts, geometry
from export_onnx.errors import ContractError, PackageError, WeightsError
from export_onnx.graph.shared_weights import WEIGHTS_FILE
from export_onnx.provenance import completed, sha256, versions
from selector.choose.curve import QUANTILE
from selector.choose.length import PAUSE_MARKS
from selector.choose.voice_table import Fit
from selector.choose.worth import summarize_fits
from selector.package import manifest as schema
from selector.package import providers
from selector.package.coverage_schema import processor, read_coverage
from selector.package.golden import golden_section
from selector.package.manifest import BucketContract
from selector.package.notice import notice
from selector.package.opened import Package
from selector.package.receipts import digest
from selector.package.write import copy_all, listed, whole_folder, write_manifest
from selector.page.packaged import PAGE, packaged_page
from selector.text.tokenizer import INPUT, OUTPUT, build_tokenizer

VOICE_SHAPE: Final = (geometry.MAX_PHONEMES, 256)
VOICE_LAYOUT: Final = (
    "510 rows of 256 numbers, one row after the other, 4 bytes each, no header. Row n-1 is for a text of n phonemes "
    "(pads not counted). Numbers 0-127 of a row are timbre_style, 128-255 prosody_style."
)
LICENSE: Final = Path(__file__).parent.parent.parent / "LICENSE"
MODELS: Final = "models"
TOKENIZER: Final = "tokenizer.onnx"
TYPED_DATA: Final = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")


@dataclass(frozen=True)
class BuildInputs:
    """The folders of the steps before, for all targets.

    Attributes:
        build: holds `export_onnx/`, `quantize/<target>/` and, where measured, `android_test/coverage/`.
        config: the checkpoint's.
        voices: name -> [510, 256].
        weights: the identity from the export's report.
    """

    build: Path
    config: dict[str, Any]
    voices: dict[str, NDArray[np.float32]]
    weights: dict[str, Any]
    exported: frozenset[str]  # names of the graphs that the last export wrote; the folder may hold older ones

    @property
    def buckets(self) -> tuple[contracts.Bucket, ...]:
        """The exported ones, smallest first."""
        made = [b for b in contracts.BUCKETS if all(f"{s.name}_{b.name}" in self.exported for s in contracts.STAGES)]
        if not made:
            raise PackageError(
                str(self.build), expected="exported buckets", got="none", todo="Run `python -m export_onnx`."
            )
        return tuple(made)


def read_inputs(build: Path) -> BuildInputs:
    """What the export wrote.

    Raises:
        PackageError: the export has not completed.
        WeightsError: a voice of the wrong size, or not finite.
    """
    exported = build / "export_onnx"
    report = whole_step(exported, "export_onnx", [stage.name for stage in contracts.STAGES])
    config = json.loads((exported / "config.json").read_text(encoding="utf-8"))
    voices = {file.stem: _voice(file) for file in sorted((exported / "voices").glob("*.npy"))}
    if not voices:
        raise WeightsError(str(exported / "voices"), expected="at least one voice", got="none", todo="Export again.")
    return BuildInputs(build, config, voices, report["weights"], frozenset(report["nodes"]))


def whole_step(folder: Path, step: str, stages: Sequence[str], buckets: Sequence[str] = ()) -> dict[str, Any]:
    """The report of a step that was not restricted.

    Raises:
        PackageError: it has not completed, or lacks a stage or a bucket.
    """
    try:
        return completed(folder, step, stages, buckets)
    except ContractError as error:
        raise PackageError(error.where, expected=error.expected, got=error.got, todo=error.todo) from error


def _voice(file: Path) -> NDArray[np.float32]:
    try:
        voice = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise WeightsError(str(file), expected="a voice", got=str(error)[:80], todo="Export again.") from error
    if voice.shape != VOICE_SHAPE or not np.isfinite(voice).all():
        raise WeightsError(
            str(file), expected=f"{list(VOICE_SHAPE)} finite numbers", got=str(list(voice.shape)), todo="Export again."
        )
    return np.ascontiguousarray(voice, np.float32)


def package_name(inputs: BuildInputs, target: str, version: str) -> str:
    """As the folder under `dist/` is called."""
    return f"kokoro-npu-{inputs.weights['name']}-{version}-{target}"


def bucket_contracts(inputs: BuildInputs, folder: str) -> list[BucketContract]:
    """The buckets with their model files below `folder`."""
    return [
        BucketContract(
            name=bucket.name,
            seconds=float(bucket.seconds),
            tokens=bucket.tokens,
            frames=bucket.frames,
            sizes=contracts.sizes(inputs.config, bucket),
            models={s.name: os.path.join(folder, f"{s.name}_{bucket.name}.onnx") for s in contracts.STAGES},
        )
        for bucket in inputs.buckets
    ]


def quantized(inputs: BuildInputs, target: str) -> dict[str, Any]:
    """The target's quantization report.

    Raises:
        PackageError: it has not completed, or was made from other weights than the export.
    """
    source = inputs.build / "quantize" / target
    report = whole_step(source, "quantize", contracts.QUANTIZED, [bucket.name for bucket in inputs.buckets])
    if report.get("weights") != inputs.weights:
        raise PackageError(
            str(source),
            expected=f"models of {inputs.weights['name']}, as exported",
            got=f"models of {report.get('weights', {}).get('name')}",
            todo="Run `python -m quantize` again.",
        )
    return report


def make_package(
    inputs: BuildInputs,
    fits: Mapping[str, Fit],
    target: str,
    dist: Path,
    version: str,
    command: str,
    devices: dict[str, Any] | None = None,
) -> Package:
    """Writes `dist/kokoro-npu-<weights>-<version>-<target>/` and opens it, which checks every hash.

    Args:
        devices: what receipts from phones say, see `receipts.devices_section`.

    Raises:
        PackageError: a model is missing or damaged, or the folder cannot be written.
    """
    final = dist / package_name(inputs, target, version)
    source = inputs.build / "quantize" / target
    report = quantized(inputs, target)
    buckets = bucket_contracts(inputs, MODELS)
    files = {f"{MODELS}/{WEIGHTS_FILE}": source / WEIGHTS_FILE, "LICENSE": LICENSE}
    models = read_models(inputs, target)
    if page := packaged_page(inputs.build, target):
        files[PAGE] = page
    with whole_folder(final) as folder:
        copy_all(files, folder)
        for path, content in models.items():
            (folder / path).write_bytes(content)
        check_models(folder, buckets)
        (folder / TOKENIZER).write_bytes(build_tokenizer(inputs.config["vocab"]).SerializeToString(deterministic=True))
        (folder / "voices").mkdir()
        for name, voice in inputs.voices.items():
            (folder / "voices" / f"{name}.f32").write_bytes(voice.astype("<f4").tobytes())
        (folder / "NOTICE").write_text(notice(inputs.weights), encoding="utf-8")
        (folder / schema.SCHEMA).write_text(schema.json_schema(), encoding="utf-8")
        coverage = read_coverage(inputs.build, target, source, [bucket.name for bucket in buckets])
        manifest = {
            "schema_version": schema.SCHEMA_VERSION,
            "package": final.name,
            "version": version,
            "target": target,
            "command": command,
            "versions": versions(),
            "weights": inputs.weights,
            "geometry": {
                "sample_rate": geometry.SAMPLE_RATE,
                "samples_per_frame": geometry.SAMPLES_PER_FRAME,
                "max_phonemes": geometry.MAX_PHONEMES,
            },
            "stages": [stage_contract(s, processor(s, target, coverage)) for s in contracts.STAGES],
            "buckets": [bucket.model_dump() for bucket in buckets],
            "providers": {"npu": asdict(providers.NPU[target]), "cpu": asdict(providers.CPU)},
            "tokenizer": {"model": TOKENIZER, "input": INPUT, "output": OUTPUT},
            "vocabulary": inputs.config["vocab"],
            "selector": selector_section(fits),
            "voices": {
                "rows": VOICE_SHAPE[0],
                "width": VOICE_SHAPE[1],
                "dtype": "float32",
                "byte_order": "little",
                "layout": VOICE_LAYOUT,
                "files": {name: f"voices/{name}.f32" for name in inputs.voices},
            },
            "coverage": coverage,
            "quality": report.get("quality"),
            "golden": golden_section(
                {s.name: {b.name: models[b.models[s.name]] for b in buckets} for s in contracts.STAGES},
                min(inputs.voices),
            ),
            "devices": devices,
            "files": {name: file.model_dump() for name, file in listed(folder).items()},
        }
        write_manifest(folder, schema.parse(schema.dumps(manifest), final.name))
    return Package.open(final)


def stage_contract(stage: contracts.Stage, runs_on: contracts.Processor) -> dict[str, Any]:
    """A stage as the manifest has it: what it is cut from is the export's affair."""
    return {name: value for name, value in asdict(stage).items() if name != "made_from"} | {"runs_on": runs_on}


def read_models(inputs: BuildInputs, target: str) -> dict[str, bytes]:
    """Every model of a target as it is packaged, by its path there.

    Raises:
        PackageError: as `read_model`.
    """
    source = inputs.build / "quantize" / target
    names = [path for bucket in bucket_contracts(inputs, MODELS) for path in bucket.models.values()]
    return {path: read_model(source / Path(path).name, source / WEIGHTS_FILE) for path in names}


def digest_of_models(inputs: BuildInputs, target: str) -> str:
    """`receipts.models_digest` of the package that these inputs make."""
    hashes = {path: hashlib.sha256(content).hexdigest() for path, content in read_models(inputs, target).items()}
    return digest(hashes | {f"{MODELS}/{WEIGHTS_FILE}": sha256(inputs.build / "quantize" / target / WEIGHTS_FILE)})


def selector_section(fits: Mapping[str, Fit]) -> dict[str, Any]:
    """The manifest's `selector`."""
    worth = {name: value for name, value in summarize_fits(fits).items() if name != "excess"}
    (pause_tokens,) = {fit.pause_tokens for fit in fits.values()}  # lengths are counted alike for all voices
    return {
        "quantile": QUANTILE,
        "pause_marks": PAUSE_MARKS,
        "pause_tokens": pause_tokens,
        "voices": {name: asdict(fit.table) for name, fit in fits.items()},
        "coverage": {name: round(fit.coverage, 4) for name, fit in fits.items()} | _rounded(worth),
        "excess": {name: round(fit.excess, 4) for name, fit in fits.items()},
        "texts": min(fit.texts for fit in fits.values()),
        "held_out_texts": min(fit.held_out_texts for fit in fits.values()),
    }


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {f"all ({name})": round(value, 4) for name, value in values.items()}


def read_model(file: Path, weights: Path) -> bytes:
    """A model that parses, and whose tensors lie inside `weights.bin` and nowhere else, as it is packaged.

    A tensor stored outside may still hold its values inside too, which ONNX's checker refuses: those are left out.

    Raises:
        PackageError: missing, truncated, or with tensors outside.
    """
    try:
        content = file.read_bytes()
        model = onnx.load_from_string(content)
        size = weights.stat().st_size
    except Exception as error:  # protobuf, onnx and the file system raise a dozen kinds; all mean this
        raise _broken(file, error) from error
    twice = False
    for tensor in model.graph.initializer:
        place = {entry.key: entry.value for entry in tensor.external_data}
        if not place:
            continue
        if place["location"] != weights.name or int(place["offset"]) + int(place["length"]) > size:
            raise PackageError(
                f"{file}, tensor {tensor.name}",
                expected=f"data inside the {size} bytes of {weights.name}",
                got=str(place)[:120],
                todo="Quantize again.",
            )
        for name in (name for name in TYPED_DATA if len(getattr(tensor, name))):
            tensor.ClearField(name)
            twice = True
    return model.SerializeToString(deterministic=True) if twice else content


def _broken(file: Path, error: Exception) -> PackageError:
    got = f"{type(error).__name__}: {error}"[:160]
    return PackageError(str(file), expected="a whole ONNX model", got=got, todo="Quantize again.")


def check_models(folder: Path, buckets: Sequence[BucketContract]) -> None:
    """ONNX's own checker on every packaged model, its weights beside it.

    Raises:
        PackageError: it refuses one.
    """
    for name in (name for bucket in buckets for name in bucket.models.values()):
        try:
            onnx.checker.check_model(str(folder / name))
        except Exception as error:  # as above
            raise _broken(Path(name), error) from error
