"""The proof of one chip's contexts that a computer can give: Qualcomm's simulation runs contexts made without sharing.

A file with shared weights does not load on the simulation, so what ships is proven by a phone alone. The same graphs
under the same options, each as a context of its own, load here:

1. `bert` runs whole, in the bucket for sentences, on held-out ones; the vocoder's halves run as a crop of real speech
   (`time_crop.py`), because the simulation is slow.
2. Each context's outputs are compared with those of the plain model on the simulation, and with the CPU's.
3. The frames per token that follow from `bert`'s outputs are held to the rule of `duration_rule.py`, for all held-out
   voices.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx

from android_test.contexts.context_graphs import BERT, ContextGraph, context_graphs
from android_test.contexts.make_contexts import ContextSettings
from android_test.coverage.graph_view import Array
from android_test.coverage.htp.context_record import compiler_version, require_context
from android_test.coverage.htp.htp_host import Compilation, CompileJob, compile_and_run, provider_options
from android_test.coverage.htp.simulate import on_cpu
from android_test.coverage.htp.time_crop import crop_model, crop_values
from android_test.coverage.speech_inputs import loudest, speech_values
from calibrate.corpus import Utterance
from export_onnx import console
from export_onnx.buckets import sentence_bucket
from export_onnx.contracts import FRAMES_PER_TOKEN, HALVES, stage
from export_onnx.errors import CoverageError
from export_onnx.graph.shared_weights import load
from export_onnx.proof.decibels import snr
from export_onnx.provenance import REPORT, completed
from quantize.text.duration_rule import Durations, compare_durations
from quantize.text.text_quality import TextReader, make_text_reader, run_text_stages
from selector.package.context_schema import (
    CONTEXTS_FOLDER,
    ONLY_A_PHONE,
    ChipContexts,
    Comparison,
    ContextProof,
    ProvenStage,
)
from selector.package.golden import floor_for

SENTENCES: Final = 2  # a sentence of Kokoro-82M takes `bert` one and a half minutes on the simulation
EQUAL: Final = 200.0  # dB, as `snr` has it where nothing differs


@dataclass(frozen=True)
class Trial:
    """One graph and the inputs that it runs on. `name` says what it is: a bucket, or a crop of one."""

    stage: str
    name: str
    path: Path
    feeds: Sequence[Mapping[str, Array]]


def prove_chip(settings: ContextSettings, made: ChipContexts, sentences: int = SENTENCES) -> ContextProof:
    """The proof of one chip's contexts, made or found; the chip's report holds it from then on.

    Raises:
        CoverageError: as `prove_contexts`.
    """
    chip, known = made.contexts.chip, made.contexts.proof
    if known is None or known.sentences < sentences:
        known = prove_contexts(settings, chip, sentences)
        report = made.model_copy(update={"contexts": made.contexts.model_copy(update={"proof": known})})
        file = settings.build / CONTEXTS_FOLDER / chip / REPORT
        file.write_text(json.dumps(report.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
    console.say(("proven: " if known.holds else "NOT proven: ") + known.in_words())
    return known


def prove_contexts(settings: ContextSettings, soc: str, sentences: int = SENTENCES) -> ContextProof:
    """The simulation's verdict on one chip's contexts, each made anew without sharing.

    Args:
        settings: of the contexts; each stage is tried in the bucket for sentences.
        sentences: of the held-out ones, how many `bert` runs on.

    Raises:
        CoverageError: a compilation or a run fails.
    """
    build, job = settings.build, CompileJob((soc,), limits=settings.limits)
    tried = sentence_bucket(settings.buckets)
    first = {graph.stage: graph for graph in context_graphs(build, settings.buckets) if graph.bucket == tried}
    reader = held_out_reader(build, first[BERT], sentences)
    with tempfile.TemporaryDirectory(prefix="proof_") as folder:
        proven, said = [], []
        for graph in [first[name] for name in (BERT, *HALVES)]:
            trial = bert_trial(graph, reader) if graph.stage == BERT else cropped_trial(build, graph, Path(folder))
            found, outputs = prove_stage(trial, job, Path(folder) / "contexts")
            proven.append(found)
            said += outputs if graph.stage == BERT else []
    durations = compare_simulated(reader, said)
    failures = durations.failures()
    return ContextProof(
        chip=soc,
        compiler=compiler_version(),
        options=provider_options(job),
        stages=tuple(proven),
        sentences=len(said),
        durations=durations_in_words(durations, failures),
        durations_hold=not failures,
        shared=ONLY_A_PHONE,
    )


def held_out_reader(build: Path, graph: ContextGraph, sentences: int) -> TextReader:
    """The float stages' outputs for the first held-out texts that fit the bucket, each by every held-out voice.

    Raises:
        CoverageError: no sentence is asked for.
    """
    if sentences < 1:
        raise CoverageError("proof", expected="at least one sentence", got=str(sentences), todo="Ask for one.")
    split = completed(build / "calibrate", "calibrate")["split"]
    held = [Utterance(**one) for one in split["held_out"]]
    voices = dict.fromkeys(one.voice for one in held)
    said = [replace(one, voice=voice) for one in held for voice in voices]
    return make_text_reader(build / "export_onnx", graph.bucket, said, sentences * len(voices))


def bert_trial(graph: ContextGraph, reader: TextReader) -> Trial:
    """`bert` on each text once: it has no voice input."""
    texts = {values["ids"].tobytes(): values for values in reader.spoken}
    names = [port.name for port in stage(graph.stage).inputs]
    return Trial(graph.stage, graph.bucket.name, graph.path, [{n: v[n] for n in names} for v in texts.values()])


def cropped_trial(build: Path, graph: ContextGraph, folder: Path) -> Trial:
    """A half of the vocoder on the loudest part of a held-out sentence."""
    values = speech_values(build / "export_onnx", build / "calibrate", graph.bucket)
    crop = crop_model(load(graph.path), graph.stage, graph.bucket.frames)
    path = folder / f"{graph.stage}_crop.onnx"
    onnx.save(crop, path)
    return Trial(graph.stage, f"crop of {graph.bucket.name}", path, [crop_values(values, graph.stage, loudest(values))])


def prove_stage(trial: Trial, job: CompileJob, folder: Path) -> tuple[ProvenStage, list[dict[str, Array]]]:
    """Runs the plain model and its context, and compares; gives the context's outputs, too.

    The plain model runs on the first input alone: it is compiled anew, and the simulation is slow.

    Args:
        folder: where the context is written.

    Raises:
        CoverageError: a compilation or a run fails.
    """
    context = folder / f"{trial.stage}.onnx"
    _covered(compile_and_run(trial.path, replace(job, context=context), ())[0])
    require_context(context, job.socs, trial.path)
    loaded, outputs = compile_and_run(context, job, trial.feeds)
    _covered(loaded)
    verdict, plain = compile_and_run(trial.path, job, trial.feeds[:1])
    _covered(verdict)
    wanted = [on_cpu(trial.path, feed) for feed in trial.feeds]
    return compare_runs(trial, plain, outputs, wanted, floor_for(trial.path.read_bytes())), outputs


def compare_runs(
    trial: Trial,
    plain: Sequence[Mapping[str, Array]],
    outputs: Sequence[Mapping[str, Array]],
    wanted: Sequence[Mapping[str, Array]],
    floor: float,
) -> ProvenStage:
    """The verdict on one stage.

    Args:
        plain: the plain model's outputs on the simulation, of the first runs.
        outputs: the context's, of all runs.
        wanted: the CPU's, of all runs.
        floor: in dB.
    """
    pairs = [(one[n], got[n]) for one, got in zip(plain, outputs, strict=False) for n in one]
    beside = min((snr(a, b) for a, b in pairs), default=-EQUAL)
    cpu = min((snr(one[n], got[n]) for one, got in zip(wanted, outputs, strict=True) for n in one), default=-EQUAL)
    same = bool(pairs) and all(np.array_equal(a, b) for a, b in pairs)
    holds = beside >= floor and cpu >= floor  # NaN is below
    verdict: Comparison = "different" if not holds else "bit for bit" if same else "within the floor"
    return ProvenStage(
        stage=trial.stage,
        graph=trial.name,
        against_plain=verdict,
        plain_db=round(beside, 2),
        cpu_db=round(cpu, 2),
        floor=floor,
    )


def compare_simulated(reader: TextReader, simulated: Sequence[Mapping[str, Array]]) -> Durations:
    """The frames per token that `duration` makes of the simulation's outputs, against the float run's.

    Args:
        simulated: `bert`'s outputs per text, in the order of `bert_trial`.
    """
    texts = dict(zip(dict.fromkeys(v["ids"].tobytes() for v in reader.spoken), simulated, strict=True))
    spoken: list[dict[str, Any]] = [{**values, **texts[values["ids"].tobytes()]} for values in reader.spoken]
    for _ in run_text_stages(reader.folder, reader.bucket, ("duration",), spoken, {}):
        pass
    before, after = ([_counts(values) for values in run] for run in (reader.spoken, spoken))
    return compare_durations(before, after, reader.voices)


def _counts(values: Mapping[str, Array]) -> Array:
    return values[FRAMES_PER_TOKEN.name].ravel()[: int(values["n_tokens"][0])].astype(np.int64)


def durations_in_words(durations: Durations, failures: Sequence[str]) -> str:
    """For the verdict."""
    counted = f"frames per token change in {durations.changed} of {durations.tokens} tokens"
    return "; ".join((counted, *failures))


def _covered(verdict: Compilation) -> None:
    if not verdict.covered:
        raise CoverageError(
            f"{verdict.model} for {verdict.soc}",
            expected="one subgraph on the NPU",
            got=verdict.reason or f"{verdict.nodes_on_npu} of {verdict.nodes} nodes in {verdict.subgraphs} subgraphs",
            todo="Raise --time-limit or --memory-limit, or see `python -m android_test coverage --require compiled`.",
        )
