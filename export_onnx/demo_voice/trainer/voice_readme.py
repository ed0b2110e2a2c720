"""The demo voice's README, written from what `evaluate` measured. Edit this file, not the README."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from export_onnx.demo_voice.trainer.espeak_voices import HELD_OUT, RATE, TRAINED

COLUMNS: Final = (
    ("log_mel_db", "log-mel distance, dB", "{:.1f}"),
    ("f0_cents", "F0 error, cents", "{:.0f}"),
    ("voicing_error", "voicing error", "{:.1%}"),
    ("heard_f0_cents", "F0 in the audio, cents", "{:.0f}"),
    ("heard_voicing_error", "voicing in the audio", "{:.1%}"),
    ("duration_frames", "duration error, frames per token", "{:.2f}"),
    ("energy_nepers", "energy error, nepers", "{:.2f}"),
)


def quality_table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """One line for each model, one column for each distance."""
    lines = ["| | " + " | ".join(title for _, title, _ in COLUMNS) + " |", "|---|" + "---:|" * len(COLUMNS)]
    for name, found in rows.items():
        cells = [form.format(found[key]) if found.get(key, 0) == found.get(key) else "-" for key, _, form in COLUMNS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def recognizer_table(voices: Mapping[str, Mapping[str, int]]) -> str:
    """Word error rates of teacher and student in each voice."""
    lines = ["| voice | words | teacher | student |", "|---|---:|---:|---:|"]
    for name, n in voices.items():
        rates = [f"{n[who] / n['words']:.0%}" for who in ("teacher", "student")]
        lines.append(f"| `{name}` | {n['words']} | {rates[0]} | {rates[1]} |")
    return "\n".join(lines)


def activation_table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Maximum to RMS over the decoder's convolution inputs."""
    lines = ["| model | convolutions | median | 90th percentile | largest |", "|---|---:|---:|---:|---:|"]
    for name, n in found.items():
        lines.append(f"| {name} | {n['convolutions']:.0f} | {n['median']:.1f} | {n['p90']:.1f} | {n['largest']:.1f} |")
    return "\n".join(lines)


def voice_table() -> str:
    """The voices and their espeak-ng settings."""
    lines = ["| voice | espeak-ng variant | pitch | |", "|---|---|---:|---|"]
    for setting in (*TRAINED, HELD_OUT):
        note = "never heard in training" if setting == HELD_OUT else ""
        lines.append(f"| `{setting.name}` | `{setting.variant}` | {setting.pitch} | {note} |")
    return "\n".join(lines)


def write_readme(result: Mapping[str, Any], path: Path) -> None:
    """Fills the page with the measured values."""
    training, heard = result["training"], result["recognizer"]
    data = training["teacher"]
    path.write_text(
        f"""<!-- Written by `python -m export_onnx.demo_voice.trainer evaluate`; edit voice_readme.py instead. -->
# The demo voice

The demo voice is a small Kokoro that this project trained: the original's architecture and checkpoint format at other
widths ({result["parameters"] / 1e6:.1f} M parameters, {result["bytes"] / 1e6:.1f} MB in float16). Its teacher is
[espeak-ng](https://github.com/espeak-ng/espeak-ng). With it, export, quantization and packaging can be heard and
measured without a download. It is not meant as a product: it sounds like its teacher, a formant synthesizer.

`WEIGHTS=demo` uses it. The voices, all American English at {RATE} words per minute:

{voice_table()}

The style rows are a linear map of these settings and of the sentence's length, learned with the model;
`{HELD_OUT.name}` is that map at a pitch between the two voices of its variant.

## How good it is

{result["sentences"]} held-out sentences (`sentences_held_out.txt`), the trained voices in turn, the held-out voice
in all of them; {result["not_aligned"]} could not be aligned. The student speaks with the *teacher's durations* and
its own F0 and energy; the log-mel distance is that of `export_onnx/proof/mel.py` (root mean square over 80 bands, floor
80 dB below the loudest). "In the audio" is F0 measured again in what the student said. The mean predictor knows the
averages of these very sentences, voice by voice.

{quality_table(result["rows"])}

An independent recognizer ([pocketsphinx](https://github.com/cmusphinx/pocketsphinx), its own English model, any order
of {heard["vocabulary"]} words) listened
to {heard["sentences"]} more held-out sentences (`sentences_small_vocabulary.txt`), the student end to end with its
own durations. The table gives word error rates. The recognizer was made for people, and already mishears the teacher:

{recognizer_table(heard["voices"])}

![Mel spectrograms of a held-out sentence, teacher above student](spectrogram.png)

"{result["shown"]["sentence"]}", `{result["shown"]["voice"]}`, the teacher's durations.

## Activations

The table gives the ratio of maximum to RMS at the inputs of the decoder's convolutions on that sentence. Quantization
ranges follow the maximum, so a large ratio makes INT8 hard.

{activation_table(result["activations"])}

## How it was trained

espeak-ng speaks each sentence of `sentences_train.txt` in each trained voice: {data["utterances"]} utterances,
{data["minutes"]} minutes, {data["symbols"]} symbols; {data["not_aligned"]} more whose phoneme events do not spell
the model's symbols were left out. Its events give the durations,
[WORLD](https://github.com/mmorise/World) gives the F0, and the mel spectrum gives the energy. Vocoder
and prosody are trained together: the vocoder on short windows with a multi-resolution STFT loss and a mel loss, the
prosody on whole sentences with absolute errors. A linear layer that exists only in training predicts the mel from the
generator's input, so that the vocoder learns early to follow the text. There is no adversary. The checkpoint is a
running average of the weights.

{training["steps"]} steps in {training["minutes"]} minutes on two CPU cores that other work used at the same time
({result["machine"]}). {training.get("note", "")}

    pip install -e '.[demo-voice]'
    make demo-voice                                           # everything, from the teacher to this page
    python -m export_onnx.demo_voice.trainer train --steps 20000      # resumes from build/demo_voice/train.pt
    python -m export_onnx.demo_voice.trainer publish evaluate         # the new checkpoint, and this page

## What falls short

- It was trained for one small budget; more steps, more sentences and an adversary were not tried.
- Formants move less than the teacher's and upper harmonics are smeared, as spectral losses without an adversary leave
  them: the recognizer's errors above say how much is lost.
- F0 is guessed from the text; at voicing edges it glides where the teacher's jumps.
- Sentences far longer than the training set's (on average {data["symbols"] / data["utterances"]:.0f} symbols) and
  symbols that American English lacks were never heard.
""",
        encoding="utf-8",
    )
