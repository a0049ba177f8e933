"""A tracker that keeps runs in memory, for tests of the code that logs.

It treats names, params and nesting exactly as the MLflow tracker does, because both inherit
that from ``Run``; the same contract tests run against both.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from sdml.errors import TrackingError
from sdml.tracking.base import FoundRun, Run, Tracker, Unsent, now
from sdml.tracking.events import (
    Artifact,
    Dataset,
    Event,
    Finish,
    Metric,
    Metrics,
    Model,
    Params,
    RunStatus,
    Tags,
)
from sdml.tracking.names import clean_tags


class MemoryRun(Run):
    """A run whose record can be read: ``logged_params``, ``logged_metrics`` and so on."""

    def __init__(self, experiment: str, name: str, parent: str | None, tags: dict[str, str]):
        super().__init__()
        self._id = uuid.uuid4().hex
        self.experiment = experiment
        self.name = name
        self.parent = parent
        self.started = now()
        self.ended: int | None = None
        self.status: RunStatus | None = None
        self.logged_tags = tags
        self.logged_params: dict[str, str] = {}
        self.logged_metrics: list[Metric] = []
        self.artifacts: dict[str, bytes] = {}
        self.models: list[Model] = []
        self.datasets: list[Dataset] = []

    @property
    def id(self) -> str:
        """A random id."""
        return self._id

    def values(self, metric: str) -> list[tuple[int, float]]:
        """All values of one metric as (step, value), in the order they were logged."""
        return [(one.step, one.value) for one in self.logged_metrics if one.name == metric]

    def reopen(self) -> None:
        """Take events again after ``finish``."""
        self._finished = False
        self.status, self.ended = None, None

    def _record(self, event: Event) -> None:
        match event:
            case Params():
                self.logged_params.update(event.values)
            case Metrics():
                self.logged_metrics.extend(event.values)
            case Tags():
                self.logged_tags.update(event.values)
            case Model():  # before Artifact, of which it is one
                self.models.append(event)
            case Artifact():
                self.artifacts[event.name] = event.data
            case Dataset():
                self.datasets.append(event)
            case Finish():
                self.status, self.ended = event.status, event.time

    def _close(self) -> Unsent | None:
        return None


class MemoryTracker(Tracker):
    """Keeps its runs in ``runs``, oldest first."""

    def __init__(self) -> None:
        self.runs: list[MemoryRun] = []

    def start(
        self,
        experiment: str,
        name: str,
        *,
        parent: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> MemoryRun:
        """A run kept in memory.

        Raises:
            TrackingError: ``parent`` is not the id of one of ``runs``.
        """
        if parent is not None:
            parent = self.run(parent).parent or parent
        run = MemoryRun(experiment, name, parent, clean_tags(tags or {}))
        self.runs.append(run)
        return run

    def resume(
        self, experiment: str, run_id: str, *, tags: Mapping[str, str] | None = None
    ) -> MemoryRun:
        """The run with that id, open again.

        Raises:
            TrackingError: there is none in that experiment.
        """
        run = self.run(run_id)
        if run.experiment != experiment:
            raise TrackingError(
                f"a run must be resumed in its own experiment, got {experiment!r} for {run_id!r}"
            )
        run.reopen()
        run.tag(tags or {})
        return run

    def find(self, experiment: str, tags: Mapping[str, str]) -> list[FoundRun]:
        """Those among ``runs``."""
        wanted = clean_tags(tags).items()
        return [
            FoundRun(
                id=run.id, name=run.name, tags=dict(run.logged_tags), running=run.status is None
            )
            for run in self.runs
            if run.experiment == experiment and wanted <= run.logged_tags.items()
        ]

    def run(self, run_id: str) -> MemoryRun:
        """The run with that id.

        Raises:
            TrackingError: there is none.
        """
        for run in self.runs:
            if run.id == run_id:
                return run
        raise TrackingError(f"a run must exist before it is named, got the run id {run_id!r}")
