"""What a person sees: plain lines, a progress bar on a terminal, errors without tracebacks."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from export_onnx.errors import PipelineError

_console = Console(soft_wrap=True, highlight=False)


def say(line: str) -> None:
    """One line of result."""
    _console.print(line, markup=False)


@contextmanager
def progress(task: str, total: int) -> Iterator[Callable[[str], None]]:
    """A bar on a terminal, nothing elsewhere. Call what it yields at the *start* of each of `total` parts."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_console, transient=True, disable=not _console.is_terminal) as bar:
        handle = bar.add_task(task, total=total)
        begun = False

        def advance(part: str) -> None:
            nonlocal begun
            bar.update(handle, advance=1 if begun else 0, description=f"{task}: {part}")
            begun = True

        yield advance


def guarded(main: Callable[[], int]) -> int:
    """Runs a step. Exit status: 0 done, 1 refused (the four facts on stderr), 130 interrupted.

    `--debug` on the command line shows tracebacks, and the warnings of the libraries.
    """
    debug = "--debug" in sys.argv
    if not debug:
        warnings.simplefilter("ignore")
        logging.getLogger("torch").setLevel(logging.ERROR)
    try:
        return main()
    except PipelineError as error:
        if debug:
            raise
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"{type(error).__name__}: {error}", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
