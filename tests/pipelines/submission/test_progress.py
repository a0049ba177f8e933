"""What a person sees: lines in a file, a table on a terminal."""

from __future__ import annotations

import io
import re

from pipelines.submission.progress import display
from pipelines.submission.tasks import Task


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def task(state: str, name: str = "train #1") -> Task:
    return Task(key=name, name=name, state=state, message="")


def test_a_line_for_each_change() -> None:
    stream = io.StringIO()
    with display(stream) as shown:
        shown.update("RUNNING", [task("PENDING")])
        shown.update("RUNNING", [task("PENDING")])
        shown.note("wait [a little]")
        shown.update("SUCCEEDED", [task("SUCCEEDED"), task("SKIPPED", "gather")])
    lines = stream.getvalue().splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines)
    assert [line[9:] for line in lines] == [
        "train #1: PENDING",
        "run: RUNNING",
        "wait [a little]",
        "train #1: SUCCEEDED",
        "gather: SKIPPED",
        "run: SUCCEEDED",
    ]


def test_a_table_on_a_terminal() -> None:
    stream = Terminal()
    with display(stream) as shown:
        shown.update("RUNNING", [task("RUNNING")])
        shown.note("wait [a little]")
        shown.update("FAILED", [task("FAILED")])
    text = stream.getvalue()
    assert "wait [a little]" in text
    assert re.search(r"train #1\s+.*FAILED", text)
    assert text.index("RUNNING") < text.index("FAILED")
