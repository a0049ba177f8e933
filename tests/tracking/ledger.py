"""A backend in memory that can be switched off, made to refuse, or made to hang."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from sdml.tracking.base import FoundRun
from sdml.tracking.delivery import Failure
from sdml.tracking.events import Event, Metrics, Start

DOWN = Failure(reason="Connection refused", lasting=False)
FORBIDDEN = Failure(reason="forbidden", lasting=True)


class Ledger:
    """Keeps what was sent, in order; ``address`` may be a real one, for a later resend."""

    def __init__(self, address: str = "http://ledger:5000") -> None:
        self.address = address
        self.down = False
        self.refuse_opening = False
        self.refused_metrics: set[str] = set()
        self.injected: str | None = None
        self.opened: list[Start] = []
        self.events: list[Event] = []
        self.gate = threading.Event()
        self.gate.set()

    def injected_run(self) -> str | None:
        return self.injected

    def open_run(self, start: Start) -> str | Failure:
        if self.refuse_opening:
            return FORBIDDEN
        if self.down:
            return DOWN
        self.opened.append(start)
        return start.adopt or f"run-{len(self.opened)}"

    def find_runs(self, experiment: str, tags: Mapping[str, str]) -> list[FoundRun] | Failure:
        if self.down:
            return DOWN
        return [
            FoundRun(id=f"run-{number}", name=start.name, tags=start.tags, running=True)
            for number, start in enumerate(self.opened, start=1)
            if start.experiment == experiment and tags.items() <= start.tags.items()
        ]

    def send(self, run_id: str, event: Event) -> Failure | None:
        self.gate.wait(30)
        if self.down:
            return DOWN
        if isinstance(event, Metrics) and any(m.name in self.refused_metrics for m in event.values):
            return FORBIDDEN
        self.events.append(event)
        return None

    def metrics(self) -> list[tuple[str, float, int]]:
        found = [event for event in self.events if isinstance(event, Metrics)]
        return [(m.name, m.value, m.step) for event in found for m in event.values]
