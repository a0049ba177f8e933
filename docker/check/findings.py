"""What was looked at, what was found, and whether it is as it must be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from .process import CheckError


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the summary."""

    what: str
    good: bool
    detail: str


def _console() -> Console:
    console = Console(soft_wrap=True, highlight=False)
    if not console.is_terminal:
        console.width = 120
    return console


@dataclass
class Findings:
    """All lines so far, told as they come and once more as a table."""

    console: Console = field(default_factory=_console)
    found: list[Finding] = field(default_factory=list)

    def say(self, what: str, good: bool, detail: object = "") -> None:
        """Add a line."""
        self.found.append(Finding(what=what, good=good, detail=str(detail)))
        mark = "[green]ok[/green]  " if good else "[red]BAD[/red] "
        self.console.print(mark, end="")
        self.console.print(f"{what}: {detail}", markup=False)

    @contextmanager
    def part(self, title: str) -> Iterator[None]:
        """A part of the check; what fails in it is a finding, and the next part goes on."""
        self.console.print(f"\n[bold]{title}[/bold]")
        begin = time.monotonic()
        try:
            yield
        except CheckError as error:
            self.say(title, False, error)
        self.console.print(f"{title}: {time.monotonic() - begin:.0f} s", style="dim")

    @property
    def good(self) -> bool:
        """Whether everything is as it must be, and anything was looked at."""
        return bool(self.found) and all(finding.good for finding in self.found)

    def show(self) -> None:
        """The table."""
        table = Table("what", "", "detail", title="image-check", title_justify="left")
        for finding in self.found:
            mark = "ok" if finding.good else "BAD"
            table.add_row(finding.what, mark, finding.detail, style=None if finding.good else "red")
        self.console.print()
        self.console.print(table)
        bad = sum(not finding.good for finding in self.found)
        self.console.print(f"{len(self.found) - bad} good, {bad} bad")
