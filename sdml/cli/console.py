"""What a command says: results on standard output, everything else on standard error."""

from __future__ import annotations

import io
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console as RichConsole
from rich.table import Table as RichTable

from sdml.errors import SDMLError

_PLAIN_EVERY_SECONDS = 5.0
_WIDE = 100_000

Advance = Callable[[int, int, str], None]


class OutputError(SDMLError):
    """Standard output takes no more."""


class Console:
    """Output of one command.

    Args:
        json: one JSON object on standard output in place of text.
        quiet: only errors and warnings on standard error.
    """

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self._json = json
        self._quiet = quiet
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A file name may hold bytes, and a terminal lack letters, that cannot be written.
            sys.stdout.reconfigure(errors="backslashreplace")
        self._out, self._err = _plain_console(stderr=False), _plain_console(stderr=True)
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Plain())
        logger = logging.getLogger("sdml")
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.WARNING if quiet else logging.INFO)

    def error(self, message: object) -> None:
        """One line about what went wrong."""
        line = " ".join(str(message).split())
        sys.stderr.write(f"sdml: error: {line}\n")

    def result(
        self, data: dict[str, Any] | list[dict[str, Any]], text: Sequence[str | RichTable]
    ) -> None:
        """Say the result: ``data`` for machines, in ASCII; ``text`` for people.

        Raises:
            OutputError: standard output takes no more, as on a full disk.
            BrokenPipeError: whoever read it has left.
        """
        try:
            if self._json:
                sys.stdout.write(json.dumps(data) + "\n")
            else:
                for part in text:
                    self._out.print(part)
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(
                f"standard output must take the result, but cannot ({error.strerror}): "
                "make room, or send it elsewhere"
            ) from error

    @contextmanager
    def progress(self, what: str) -> Iterator[Advance]:
        """A bar on a terminal, a plain line now and then elsewhere, nothing when quiet.

        The yielded function takes (done, total, note).
        """
        if self._quiet:
            yield lambda _done, _total, _note: None
        elif self._err.is_terminal:
            with self._bar(what) as advance:
                yield advance
        else:
            yield _plain_lines(what)

    @contextmanager
    def _bar(self, what: str) -> Iterator[Advance]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as Remaining

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            Remaining(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=self._err, transient=True) as progress:
            task = progress.add_task(what, total=None, note="")
            yield lambda done, total, note: progress.update(
                task, completed=done, total=total, note=note
            )


def _plain_console(*, stderr: bool) -> RichConsole:
    """Shows names as they are: ``[b]`` and ``:x:`` in them mean nothing.

    Only a terminal has a width to fit into; a file or a pipe gets tables without cuts.
    """
    to_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return RichConsole(
        stderr=stderr,
        width=None if to_terminal else _WIDE,
        soft_wrap=True,
        highlight=False,
        markup=False,
        emoji=False,
    )


def _plain_lines(what: str) -> Advance:
    last = time.monotonic()

    def advance(done: int, total: int, note: str) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last >= _PLAIN_EVERY_SECONDS:
            last = now
            sys.stderr.write(f"sdml: {what}: {done}/{total} {note}\n")
            sys.stderr.flush()

    return advance


class _Plain(logging.Formatter):
    """``sdml: message``, with the level named from warning upwards."""

    def format(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        return f"sdml: {level}{record.getMessage()}"
