"""`build/` -> `build/report.html` and the packages in `dist/`; and text -> WAV with a package."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path

from export_onnx import console
from export_onnx.build_lock import build_lock
from export_onnx.errors import PackageError
from selector.package.providers import TARGETS

PROJECT = "kokoro-npu"


def project_version() -> str:
    """This project's version, from its metadata; pyproject.toml is its one place.

    Raises:
        PackageError: the project is not installed.
    """
    try:
        return installed_version(PROJECT)
    except PackageNotFoundError as error:
        raise PackageError(
            PROJECT,
            expected="an installed project, whose version names the packages",
            got="none",
            todo="Run `make`, `python -m pip install -e .` in the repository, or name it with --release.",
        ) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one of the commands. Each imports only its own part, so speaking needs only the extra `speak`."""
    options = parse(arguments)
    if options.command == "package":
        from selector.package.make_packages import make_packages

        version, command = options.release or project_version(), shlex.join(["python", "-m", "selector", "package"])
        with build_lock(options.build):
            make_packages(options.build, options.dist, options.targets, version, command, options.receipts)
    elif options.command == "contexts":
        from selector.package.context_packages import make_context_packages
        from selector.speak.to_wav import find_package

        with build_lock(options.build):
            plain = find_package(options.dist, "qnn", "", options.build)
            make_context_packages(options.build, options.dist, plain, options.socs, options.receipts)
    elif options.command == "maven":
        from selector.package.maven_layout import LAYOUT, write_maven_layout

        write_maven_layout(options.dist, options.out or options.dist / LAYOUT)
    elif options.command == "report":
        from selector.page.facts import read_build_facts
        from selector.page.figures import keep_figures
        from selector.page.make import make_page

        with build_lock(options.build):
            make_page(options.build, options.targets, options.out)
            if options.readme:
                keep_figures(read_build_facts(options.build, options.targets))
    elif options.command == "tables":
        from selector.page.figures import read_figures, write_tables

        write_tables(read_figures())
    elif options.command == "english":
        from selector.english.make_english import make_english

        console.say(f"{make_english(options.dist, options.release or project_version())}")
    elif options.command == "vectors":
        from selector.sdk.vectors.phoneme_vectors import write_misaki_vectors, write_phoneme_vectors
        from selector.sdk.vectors.selector_vectors import write_vectors
        from selector.sdk.vectors.text_tables import write_text_tables

        if options.misaki:
            write_misaki_vectors(options.out)
        else:
            write_vectors(options.out)
            write_phoneme_vectors(options.out)
            write_text_tables()
    else:
        from selector.speak.to_wav import read_text, speak_to_wav

        words = options.text if options.text_file is None else read_text(options.text_file)
        how = (options.voice, options.speed, options.out, options.weights, options.report, options.build)
        speak_to_wav(options.dist, options.target, words, *how, options.language, options.lexicon, options.stock)
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line: paths and names."""
    parser = console.Parser(prog="python -m selector", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    package = commands.add_parser("package", help="build/ -> dist/")
    package.add_argument("--build", type=Path, default=Path("build"), help="where steps write (default: build)")
    package.add_argument("--dist", type=Path, default=Path("dist"), help="where packages go (default: dist)")
    package.add_names("--targets", TARGETS, "a package each")
    package.add_argument("--release", help="version in names (default: this project's)")
    package.add_argument("--receipts", type=Path, nargs="+", default=[], help="receipt.json files of phones")
    chips = commands.add_parser("contexts", help="contexts of `android_test contexts` -> dist/, a package per chip")
    chips.add_argument("--build", type=Path, default=Path("build"), help="where steps write (default: build)")
    chips.add_argument("--dist", type=Path, default=Path("dist"), help="where packages are and go (default: dist)")
    chips.add_argument("--socs", nargs="+", default=[], metavar="SOC", help="chips (default: all that were made)")
    chips.add_argument("--receipts", type=Path, nargs="+", default=[], help="receipt.json files of the contexts' chips")
    maven = commands.add_parser("maven", help="the archives of dist/ as a Maven repository in a folder")
    maven.add_argument("--dist", type=Path, default=Path("dist"), help="where packages are (default: dist)")
    maven.add_argument("--out", type=Path, help="the repository (default: kokoro-npu-maven in dist)")
    page = commands.add_parser("report", help="build/ -> build/report.html, and the packages' copy of it")
    page.add_argument("--build", type=Path, default=Path("build"), help="where steps write (default: build)")
    page.add_argument("--out", type=Path, help="another place for the page")
    page.add_names("--targets", TARGETS, "on the page")
    page.add_argument("--readme", action="store_true", help="also the tables of README and docs/")
    commands.add_parser("tables", help="the tables of README and docs/ anew, from the committed figures")
    english = commands.add_parser("english", help="the data of the SDK's English phonemizer -> dist/, in minutes")
    english.add_argument("--dist", type=Path, default=Path("dist"), help="where the folder goes (default: dist)")
    english.add_argument("--release", help="version in the name (default: this project's)")
    vectors = commands.add_parser("vectors", help="the test vectors that C++ and Java are compared with")
    vectors.add_argument(
        "--out", type=Path, default=Path("tests/selector/vectors"), help="folder (default: tests/selector/vectors)"
    )
    vectors.add_argument(
        "--misaki", action="store_true", help="only those of misaki's dictionary, with its spaCy model"
    )
    talk = commands.add_parser("speak", help="text -> WAV, through the package in dist/")
    talk.add_argument("--dist", type=Path, default=Path("dist"), help="a package, or the folder that holds them")
    talk.add_argument("--target", default="cpu", choices=TARGETS, help="whose package (default: cpu)")
    talk.add_argument("--weights", default="", help="whose package, where dist/ holds several (default: the build's)")
    talk.add_argument("--build", type=Path, default=Path("build"), help="names the weights (default: build)")
    words = talk.add_mutually_exclusive_group(required=True)
    words.add_argument("--text", help="what to say")
    words.add_argument("--text-file", type=Path, help="a file to say, UTF-8")
    talk.add_argument("--voice", default="", help="a name, or a mix: a,b or a:0.7+b:0.3 (default: the package's first)")
    talk.add_argument("--language", default="", help="en-us, en-gb, fr-fr, … (default: by the voice's first letter)")
    talk.add_argument("--lexicon", type=Path, help="a file of words and how to say them")
    talk.add_argument(
        "--stock", action="store_true", help="ONNX Runtime's own operators, also where fused ones could run"
    )
    talk.add_argument("--speed", type=float, default=1.0, help="0.5 to 2")
    talk.add_argument("--out", type=Path, default=Path("out.wav"), help="default: out.wav")
    talk.add_argument("--report", type=Path, help="the figures as JSON: seconds, memory, first sound, click, dead air")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(console.guarded(main))
