"""Reads what Kubeflow's local runner and its tasks print, and keeps what a user wants to know."""

from __future__ import annotations

import re
from collections.abc import Callable

_COLOUR = re.compile(r"\x1b\[\d+m")
_STARTED = re.compile(r".* - INFO - Executing task '([\w-]+)'")
_FAILED = re.compile(r".* - ERROR - Task '[\w-]+' finished with status FAILURE")
# Written by tasks: sdml/steps/pipeline_task.py. The runner indents what tasks print.
_ERROR = re.compile(r"\s*sdml: error: (.*)")
_EXIT_CODE = re.compile(r"\s*sdml: exit code (\d+)")
_OWN = re.compile(r"\s*sdml: (.*)")
_KEPT_LINES = 200
_SHOWN_LINES = 40


class TaskLog:
    """Says each task and its own lines; holds back the rest for the case of a failure.

    Attributes:
        task: the task that runs, or that failed.
        failed: a task has failed.
        error: the failed task's own error line, without its mark; None if it had none.
        exit_code: 2 if the error was a user's mistake, else 1.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lines: list[str] = []
        self.task = "runner"
        self.failed = False
        self.error: str | None = None
        self.exit_code = 1

    def take(self, line: str) -> None:
        """Read one line."""
        if self.failed:  # only the exit task follows
            return
        line = _COLOUR.sub("", line)
        if started := _STARTED.match(line):
            self.task, self._lines = started[1], []
            self._say(f"task {self.task}")
        elif _FAILED.match(line):
            self.failed = True
        elif error := _ERROR.fullmatch(line):
            self.error = error[1]
        elif code := _EXIT_CODE.fullmatch(line):
            self.exit_code = int(code[1])
        elif own := _OWN.fullmatch(line):
            self._say(f"  {own[1]}")
        elif line.strip():
            self._lines = [*self._lines[-_KEPT_LINES:], line]

    def tail(self) -> list[str]:
        """The last other lines of the task, for a failure that it has not explained."""
        return self._lines[-_SHOWN_LINES:]
