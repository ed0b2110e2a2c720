"""The selector's tables for the packages of one build, kept for the next run."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from export_onnx import console
from export_onnx.provenance import code_digest, read_report, signature
from selector.choose.measured_texts import fit, texts_per_voice
from selector.choose.mix_coverage import TEXTS, measure_mixes
from selector.choose.voice_table import Fit, read_tables
from selector.package.build_inputs import BuildInputs, bucket_contracts
from selector.package.strict_schema import dumps
from selector.package.whole_files import whole_file
from selector.speak.synthesize import CPU_SESSION, package_chain


def fit_tables(inputs: BuildInputs) -> dict[str, Fit]:
    """Voice -> its table, measured through the float text stages; `build/selector/tables.json` keeps them."""
    number = texts_per_voice(len(inputs.voices))
    exported = read_report(inputs.build / "export_onnx")
    made_from = signature(export=exported, code=code_digest("export_onnx", "selector"), texts=number)
    stored = inputs.build / "selector" / "tables.json"
    if fits := read_tables(stored, made_from):
        return fits
    with console.progress("selector table", sum(number)) as advance:
        one_thread, folder = replace(CPU_SESSION, threads=1), inputs.build / "export_onnx"
        chains = [package_chain(folder, bucket, one_thread) for bucket in bucket_contracts(inputs, "", inputs.buckets)]
        fits = fit(chains, inputs.voices, inputs.config["vocab"], advance)
    with console.progress("mixes of voices", TEXTS) as advance:
        mixes = measure_mixes(chains, inputs.voices, inputs.config["vocab"], fits, advance)
    with whole_file(stored) as work:
        kept = {"made_from": made_from, "fits": {n: asdict(f) for n, f in fits.items()}, "mixes": mixes}
        work.write_text(dumps(kept), "utf-8")
    return fits


def read_mix_coverage(inputs: BuildInputs) -> dict[str, float]:
    """The held-out coverage of mixes, measured with the tables that `fit_tables` has given last."""
    stored = inputs.build / "selector" / "tables.json"
    mixes: dict[str, float] = json.loads(stored.read_text(encoding="utf-8"))["mixes"]
    return mixes
