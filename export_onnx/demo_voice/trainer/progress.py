"""A progress bar on a terminal, and nothing elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track as rich_track

Item = TypeVar("Item")


def track(items: Sequence[Item], description: str) -> Iterator[Item]:
    """The items, one by one, with a bar on a terminal."""
    console = Console(stderr=True)
    yield from rich_track(items, description, console=console, disable=not console.is_terminal)
