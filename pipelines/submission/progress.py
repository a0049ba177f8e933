"""Shows a run's tasks: a table that changes on a terminal, else one line for each change."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipelines.submission.tasks import Task
from pipelines.submission.watch import Display

_STYLES = {
    "SUCCEEDED": "green",
    "RUNNING": "cyan",
    "FAILED": "bold red",
    "CANCELED": "yellow",
    "CANCELING": "yellow",
}


class Lines:
    """A line for each task whose state has changed, and for the run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last: dict[str, str] = {}

    def update(self, state: str, tasks: Sequence[Task]) -> None:
        """Write what is new."""
        for key, name, now in (*((t.key, t.name, t.state) for t in tasks), ("", "run", state)):
            if self._last.get(key) != now:
                self._last[key] = now
                self.note(f"{name}: {now}")

    def note(self, text: str) -> None:
        """Write a line."""
        self._stream.write(f"{time.strftime('%H:%M:%S')} {text}\n")
        self._stream.flush()


class LiveTable:
    """A table that is drawn anew in place."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def update(self, state: str, tasks: Sequence[Task]) -> None:
        """Draw it."""
        table = Table(box=None, pad_edge=False, show_header=False)
        for name, now in (*((t.name, t.state) for t in tasks), ("run", state)):
            table.add_row(Text(name), Text(now, style=_STYLES.get(now, "dim")))
        self._live.update(table, refresh=True)

    def note(self, text: str) -> None:
        """Write a line above it."""
        self._live.console.print(Text(text))


@contextmanager
def display(stream: TextIO | None = None) -> Iterator[Display]:
    """What suits the stream: standard error by default."""
    stream = stream or sys.stderr
    if stream.isatty():
        with Live(console=Console(file=stream), auto_refresh=False) as live:
            yield LiveTable(live)
    else:
        yield Lines(stream)
