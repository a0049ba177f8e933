"""The tracker for those who track nothing, so that no caller needs an ``if``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sdml.tracking.base import FoundRun, Run, Tracker, Unsent
from sdml.tracking.events import Event


class NullRun(Run):
    """Takes everything and keeps nothing."""

    @property
    def id(self) -> str:
        """Always ``untracked``."""
        return "untracked"

    def model(
        self,
        registered: str,
        files: Callable[[], Mapping[str, bytes]],
        *,
        tags: Mapping[str, str],
        description: str = "",
    ) -> None:
        """Nothing; the files are not read."""
        del registered, files, tags, description

    def _record(self, event: Event) -> None:
        del event

    def _close(self) -> Unsent | None:
        return None


class NullTracker(Tracker):
    """Starts runs that keep nothing."""

    def start(
        self,
        experiment: str,
        name: str,
        *,
        parent: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Run:
        """A run that keeps nothing."""
        del experiment, name, parent, tags
        return NullRun()

    def resume(self, experiment: str, run_id: str, *, tags: Mapping[str, str] | None = None) -> Run:
        """A run that keeps nothing."""
        del experiment, run_id, tags
        return NullRun()

    def find(self, experiment: str, tags: Mapping[str, str]) -> list[FoundRun]:
        """Nothing."""
        del experiment, tags
        return []
