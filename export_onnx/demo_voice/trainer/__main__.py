"""`python -m export_onnx.demo_voice.trainer [teacher|train|publish|evaluate]`: makes the demo voice; all by default."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Final

from export_onnx import console
from export_onnx.demo_voice.sentences import read_sentences
from export_onnx.demo_voice.trainer import evaluate, teacher
from export_onnx.demo_voice.trainer.espeak_voices import TRAINED
from export_onnx.demo_voice.trainer.student import load_config
from export_onnx.demo_voice.trainer.train import TrainingRecipe, train

BUILD: Final = Path("build/demo_voice")
HERE: Final = Path(__file__).parent.parent
STEPS: Final = 9_750  # the learning rate reaches zero there


def make_teacher_data(data: Path) -> None:
    """Every training sentence in every trained voice."""
    lines = read_sentences("train")
    found = teacher.teach_all(lines, TRAINED, load_config()["vocab"])
    print(json.dumps(teacher.save_taught(found, len(lines) * len(TRAINED), data)))


def publish(build: Path, target: Path) -> None:
    """Copies the trained checkpoint and the record of its training into the package.

    A file `note.txt` in the build folder is copied, too, if there is one; it is for facts that the recipe lacks.
    """
    shutil.copytree(build / "checkpoint", target, dirs_exist_ok=True)
    last = json.loads((build / "train.log.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    facts = {
        "steps": last["step"],
        "minutes": last["minutes"],
        "teacher": json.loads((build / "teacher" / "train.json").read_text(encoding="utf-8")),
    }
    note = build / "note.txt"
    facts |= {"note": note.read_text(encoding="utf-8").strip()} if note.exists() else {}
    (target.parent / "training.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(f"{target}: {(target / 'demo.pth').stat().st_size} bytes")


def main(arguments: list[str] | None = None) -> int:
    """Parses the command line and runs the requested steps."""
    parser = console.Parser(prog="python -m export_onnx.demo_voice.trainer", description=__doc__)
    parser.add_argument("steps_of_work", nargs="*", metavar="step", help="teacher, train, publish, evaluate")
    parser.add_argument("--steps", type=int, default=STEPS, help="training steps in all; a resumed run goes on to it")
    parser.add_argument("--compile", action="store_true", help="compile the residual blocks; needs a C++ compiler")
    parser.add_argument("--build", type=Path, default=BUILD, help="where intermediates go")
    options = parser.parse_args(arguments)
    work = options.steps_of_work or ["teacher", "train", "publish", "evaluate"]
    unknown = sorted(set(work) - {"teacher", "train", "publish", "evaluate"})
    if unknown:
        parser.error(f"no such step: {', '.join(unknown)}")
    data = options.build / "teacher" / "train.pt"
    if "teacher" in work and not (data.exists() and not options.steps_of_work):
        make_teacher_data(data)
    if "train" in work:
        train(options.steps, data, options.build / "train.pt", TrainingRecipe(), compiled=options.compile)
    if "publish" in work:
        publish(options.build, HERE / "checkpoint")
    if "evaluate" in work:
        evaluate.main(HERE / "checkpoint", HERE / "README.md")
    return 0


if __name__ == "__main__":
    sys.exit(console.guarded(main))
