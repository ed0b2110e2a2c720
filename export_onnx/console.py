"""The form of every command line and its output: plain lines, a progress bar on a terminal, errors in one line."""

from __future__ import annotations

import argparse
import logging
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from export_onnx.errors import PipelineError

_console = Console(soft_wrap=True, highlight=False)
_shown = False  # whether a bar is on the screen

EXIT_STATUS: Final = "exit status: 0 done; 1 refused, the reason on stderr; 2 a wrong command line; 130 interrupted"


class _Steps(argparse._SubParsersAction):  # type: ignore[type-arg]  # argparse's own, which takes no parameter
    """Subcommands whose line in the list of subcommands is also the first line of their own help."""

    def add_parser(self, name: str, **options: Any) -> Any:
        return super().add_parser(name, **{"description": options.get("help"), **options})


class Parser(argparse.ArgumentParser):
    """The form of every command: `--debug`, and the exit status below the help. Subcommands inherit both."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"epilog": EXIT_STATUS, "allow_abbrev": False, **options})
        self.register("action", "parsers", _Steps)
        self.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks")

    def add_names(self, flag: str, names: Sequence[str], what: str) -> None:
        """An option such as `--stages` that restricts the work to some of `names`; all by default."""
        one, listed = flag.strip("-").rstrip("s").upper(), " ".join(names)
        self.add_argument(
            flag, nargs="+", default=list(names), choices=names, metavar=one, help=f"{what}: {listed} (default: all)"
        )


def say(line: str) -> None:
    """Prints one line of result."""
    _console.print(line, markup=False)


@contextmanager
def progress(task: str, total: int) -> Iterator[Callable[[str], None]]:
    """Shows a bar on a terminal, nothing elsewhere. Call the yielded function at the *start* of each of `total` parts.

    Inside another bar it stays invisible, because the outer one tells more.
    """
    global _shown
    hidden = _shown or not _console.is_terminal
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_console, transient=True, disable=hidden) as bar:
        _shown, before = True, _shown
        handle = bar.add_task(task, total=total)
        begun = False

        def advance(part: str) -> None:
            nonlocal begun
            bar.update(handle, advance=1 if begun else 0, description=f"{task}: {part}")
            begun = True

        try:
            yield advance
        finally:
            _shown = before


def guarded(main: Callable[[], int]) -> int:
    """Runs a step and gives its exit status, see `EXIT_STATUS`. An error prints its four facts to stderr.

    `--debug` on the command line shows tracebacks, and the warnings of the libraries.
    """
    debug = "--debug" in sys.argv
    if not debug:
        warnings.simplefilter("ignore")
        logging.getLogger("torch").setLevel(logging.ERROR)
    try:
        return main()
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if debug:
            raise
        complaint = f"{type(error).__name__}: {error}"
        if not isinstance(error, PipelineError):
            place = traceback.extract_tb(error.__traceback__)[-1]
            complaint += f" ({place.filename}:{place.lineno}). Nobody expected this: `--debug` shows the way there."
        Console(stderr=True, soft_wrap=True, highlight=False).print(complaint, markup=False)
        return 1
