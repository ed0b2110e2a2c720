"""A receipt as one page of HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from export_onnx.proof.decibels import CEILING
from selector.package.device_verdict import EQUAL, why_never
from selector.package.receipt_schema import Receipt, StageRun

COLORS: Final = {"verified": "#116b2f", "not verified": "#8a5a00", "failed": "#a01818", "not an NPU": "#555"}
COLUMNS: Final = (
    "stage",
    "bucket",
    "provider",
    "verdict",
    "p50 ms",
    "p95 ms",
    "CPU p50 ms",
    "real-time factor",
    "load ms",
    "second load ms",
    "first run ms",
    "memory MB",
    "worst output dB",
    "floor dB",
)
STYLE: Final = """
:root { color-scheme: light dark } body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem;
padding: 0 1rem } table { border-collapse: collapse; display: block; overflow-x: auto } th, td { padding: .3rem .6rem;
border-bottom: 1px solid #8886; text-align: left; vertical-align: top } td.number { text-align: right;
font-variant-numeric: tabular-nums } .verdict { color: #fff; border-radius: .3rem; padding: .1rem .4rem;
white-space: nowrap } dl { display: grid; grid-template-columns: max-content 1fr;
gap: .1rem 1.5rem } tr:has(+ .why) td { border-bottom: 0 } .why td { padding-top: 0 } .why div { position: sticky;
left: .6rem; max-width: min(60rem, calc(100vw - 3.2rem)); overflow-wrap: anywhere }
dt { font-weight: 600 } dd { margin: 0; overflow-wrap: anywhere }
@media (max-width: 40rem) { dl { grid-template-columns: minmax(0, 1fr) } dt { margin-top: .4rem } }
"""


def page_of(receipt: Receipt) -> str:
    """The whole page."""
    device = receipt.device
    facts = {
        "device": f"{device.manufacturer} {device.model}".strip() or device.machine,
        "chip": device.soc or "not named",
        "Android": f"{device.android} (API {device.api_level})" if device.android else "none",
        "ABI": device.abi or device.machine,
        "build": device.build or device.kernel,
        "drivers": ", ".join(device.drivers) or "none named",
        "battery": receipt.battery or "not named",
        "temperature": "; ".join(f"{when}: {what}" for when, what in receipt.temperature.items() if what)
        or "not named",
        "ONNX Runtime": receipt.onnxruntime,
        "runner, sha256": receipt.runner_sha256,
        "models and weights, sha256": receipt.models_sha256,
        "made": receipt.made,
    }
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>{escape(receipt.package)} on {escape(facts['device'])}</title><style>{STYLE}</style>"
        f"<h1>{escape(receipt.package)}</h1><p><strong>{escape(receipt_summary(receipt))}</strong></p>"
        + "<dl>"
        + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
        + "</dl>"
        + _table(receipt.stages)
        + f"<p>{escape(chain_line(receipt))}</p><h2>Not proven</h2><ul>"
        + "".join(f"<li>{escape(line)}</li>" for line in receipt.not_proven)
        + "</ul><p>Real-time factor: median time divided by the bucket's seconds; below 1 is faster than speech. "
        "dB: signal to error of the worst output against the golden run on a computer; 200 is equal.</p>"
        "</html>\n"
    )


def receipt_summary(receipt: Receipt) -> str:
    """One sentence that cannot be read as more than it is."""
    npu = receipt.npu_stages()
    failed = sum(one.verdict == "failed" for one in receipt.stages)
    after = f" {failed} of {len(receipt.stages)} probes failed." if failed else ""
    if receipt.left_out:
        every = len(receipt.stages) + len(receipt.left_out)
        after += f" Partial: {len(receipt.left_out)} of {every} stages and buckets were left out."
    if never := why_never(receipt.device):
        return f"Not an NPU: this device is {never}.{after}"
    if not npu:
        return f"Not an NPU: every stage of this package runs on the CPU.{after}"
    verified = sum(one.verdict == "verified" for one in npu)
    return f"{verified} of {len(npu)} NPU stages verified on {receipt.device.label}.{after}"


def chain_line(receipt: Receipt) -> str:
    """The whole chain in words."""
    chain = receipt.chain
    if chain is None:
        return "The whole chain was not run."
    if chain.outcome != "finished":
        return f"The whole chain at {chain.bucket} did not finish: {chain.outcome}."
    equal = [f"{name} {'equal' if chain.decibels.get(name) == CEILING else 'different'}" for name in EQUAL]
    return (
        f"The whole chain at {chain.bucket}: {chain.seconds_of_sound or 0:.2f} s of sound in {chain.wav}, real-time "
        f"factor {chain.real_time_factor or 0:.3f} without loading, {chain.decibels.get('waveform', -CEILING):.1f} dB "
        f"against a computer, {', '.join(equal)}."
    )


def _table(stages: Sequence[StageRun]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in COLUMNS)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(map(_row, stages))}</tbody></table>"


def _row(one: StageRun) -> str:
    times = (one.p50_ms, one.p95_ms, one.cpu_p50_ms, one.real_time_factor)
    numbers = (*times, one.load_ms, one.second_load_ms, one.first_run_ms, one.peak_mb)
    cells = [f"<td>{escape(text)}</td>" for text in (one.stage, one.bucket, one.evidence.provider)]
    cells.append(f"<td><span class='verdict' style='background:{COLORS[one.verdict]}'>{one.verdict}</span></td>")
    worst = min(one.evidence.decibels.values()) if one.evidence.decibels else None
    cells += [f"<td class='number'>{'' if n is None else f'{n:.4g}'}</td>" for n in (*numbers, worst, one.floor)]
    # The reasons below the figures: in a column of their own they would be narrow, and make every row tall.
    why = f"<tr class='why'><td colspan='{len(COLUMNS)}'><div>{escape('; '.join(one.reasons))}</div></td></tr>"
    return f"<tr>{''.join(cells)}</tr>{why if one.reasons else ''}"
