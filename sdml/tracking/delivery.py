"""Hand the events of one spool to a backend, in order, each of them once.

Shared by the live sender and by ``resend``. A backend answers with a ``Failure`` instead of
raising: being down is an ordinary answer here, and nothing of it may reach a training loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sdml.tracking.base import FoundRun
from sdml.tracking.events import Event, Metrics, Start
from sdml.tracking.spool import Spool

_METRICS_PER_CALL = 1000
_READ = 256


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a backend did not take something; ``lasting`` when asking again cannot help."""

    reason: str
    lasting: bool
    cause: Exception | None = None


class Backend(Protocol):
    """A place that keeps runs. Every method may take seconds; none may raise."""

    address: str
    """For messages and for the spool file: without credentials."""

    def injected_run(self) -> str | None:
        """The id of a run that the environment wants this process to continue."""

    def open_run(self, start: Start) -> str | Failure:
        """Create the run and return its id; asked again, find the run made the first time."""

    def find_runs(self, experiment: str, tags: Mapping[str, str]) -> list[FoundRun] | Failure:
        """The runs of an experiment that carry all these tags, oldest first."""

    def send(self, run_id: str, event: Event) -> Failure | None:
        """Store one event; asked again with the same event, change nothing."""


class Delivery:
    """The events of ``spool`` on their way to ``backend``."""

    def __init__(self, backend: Backend, spool: Spool) -> None:
        self._backend = backend
        self._spool = spool
        self.refused: Failure | None = None
        """The last refusal of an event; the events refused stay in the spool."""

    @property
    def idle(self) -> bool:
        """Whether there is nothing to send."""
        return self._spool.run_id is not None and not self._spool.waiting

    def step(self) -> tuple[int, Failure | None]:
        """Open the run or send the next few events.

        Returns:
            How many events were sent, and a failure after which nothing more is worth trying
            now. An event that is refused for good is set aside, so that it holds up no other.
        """
        run_id = self._spool.run_id
        if run_id is None:
            opened = self._backend.open_run(self._spool.start)
            if isinstance(opened, Failure):
                return 0, opened
            self._spool.opened(opened)
            return 1, None
        events = self._spool.read(_READ)
        if not events:
            return 0, None
        group = _leading_metrics(events) or events[:1]
        failure = self._backend.send(run_id, _merged(group))
        if failure is not None and failure.lasting and len(group) > 1:
            # One bad value must not take its neighbours along.
            group = group[:1]
            failure = self._backend.send(run_id, group[0])
        if failure is None:
            self._spool.advance(len(group))
            return len(group), None
        if failure.lasting:
            self.refused = failure
            self._spool.advance(1, keep=True)
            return 0, None
        return 0, failure

    def retry_refused(self) -> tuple[int, Failure | None]:
        """Send once more what was refused: the server may have been mended since."""
        run_id = self._spool.run_id
        sent = 0
        if run_id is None:
            return sent, None
        for index, event in self._spool.kept():
            failure = self._backend.send(run_id, event)
            if failure is None:
                self._spool.release(index)
                sent += 1
            else:
                self.refused = failure
                if not failure.lasting:
                    return sent, failure
        return sent, None


def _leading_metrics(events: Sequence[Event]) -> list[Metrics]:
    group: list[Metrics] = []
    total = 0
    for event in events:
        if not isinstance(event, Metrics):
            break
        total += len(event.values)
        if group and total > _METRICS_PER_CALL:
            break
        group.append(event)
    return group


def _merged(group: Sequence[Event]) -> Event:
    metrics = [event for event in group if isinstance(event, Metrics)]
    if len(metrics) < 2:
        return group[0]
    return Metrics(values=tuple(value for event in metrics for value in event.values))
