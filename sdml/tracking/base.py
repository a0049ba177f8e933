"""The interface to experiment tracking: a tracker starts runs, a run takes what happened.

Code that trains or evaluates calls a run and never asks whether anyone listens. No method of a
run raises because a server is down; only ``Tracker.start`` may refuse, and early, when the
server says that it never will accept.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sdml.errors import Interrupted
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
    zipped,
)
from sdml.tracking.names import (
    PARAM_CHARACTERS,
    checked_artifact_name,
    clean_name,
    clean_tags,
    flat_params,
    mask,
)

logger = logging.getLogger(__name__)

DESCRIPTION_TAG = "mlflow.note.content"
"""MLflow shows this tag as the run's description."""


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, kw_only=True)
class Unsent:
    """What a run could not send: how many events, and the file that keeps them."""

    count: int
    path: Path


@dataclass(frozen=True, kw_only=True)
class FoundRun:
    """A run that was looked up; ``running`` until somebody has finished it."""

    id: str
    name: str
    tags: Mapping[str, str]
    running: bool


class Run(ABC):
    """One run. It belongs to the process that started it; its methods may be called by threads.

    Used as a context manager it finishes as ``finished``, as ``failed`` when the block raises,
    and as ``killed`` when it is interrupted.
    """

    def __init__(self) -> None:
        self._params: dict[str, str] = {}
        self._finished = False
        self._unsent: Unsent | None = None

    @property
    @abstractmethod
    def id(self) -> str:
        """What to hand to ``Tracker.start(parent=...)``, in this or another process."""

    @abstractmethod
    def _record(self, event: Event) -> None:
        """Take one event; must return at once and must not raise."""

    @abstractmethod
    def _close(self) -> Unsent | None:
        """Nothing follows: send what is left."""

    def params(self, values: Mapping[str, object]) -> None:
        """Log settings. Nested mappings get dotted names; values are cut at 6000 characters.

        A param never changes: an equal value is ignored, another one is ignored with a warning.
        """
        new: dict[str, str] = {}
        for name, value in flat_params(values):
            known = self._params.get(name)
            if known is None:
                self._params[name] = new[name] = value
            elif known != value:
                logger.warning(
                    "param %r of run %s stays %.60r: a param cannot change to %.60r",
                    name,
                    self.id,
                    known,
                    value[:PARAM_CHARACTERS],
                )
        if new:
            self._take(Params(values=new))

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers at a step (an epoch); ``None`` is step 0. NaN and infinity are kept."""
        time_ms = now()
        logged = tuple(
            Metric(name=clean_name(name), value=float(value), step=step or 0, time=time_ms)
            for name, value in values.items()
        )
        if logged:
            self._take(Metrics(values=logged))

    def artifact(self, name: str, data: bytes) -> None:
        """Attach a small file (a figure, a report); large objects belong in the store.

        Raises:
            UserError: ``name`` is not a relative path.
        """
        self._take(Artifact(name=checked_artifact_name(name), data=bytes(data)))

    def text(self, name: str, text: str) -> None:
        """Attach a small file of UTF-8 text."""
        self.artifact(name, text.encode())

    def tag(self, tags: Mapping[str, str]) -> None:
        """Set labels; a label set again is replaced."""
        if tags:
            self._take(Tags(values=clean_tags(tags)))

    def describe(self, markdown: str) -> None:
        """Say in Markdown what the run is; shown above its figures. Told again, it is replaced."""
        self.tag({DESCRIPTION_TAG: markdown})

    def model(
        self,
        registered: str,
        files: Callable[[], Mapping[str, bytes]],
        *,
        tags: Mapping[str, str],
        description: str = "",
    ) -> None:
        """Register an encoder that this run has made or used.

        Args:
            registered: name of the model, ``<collection>.<modality>``.
            files: gives ``source.json``, ``transform.json`` and so on by name
                (see ``mlflow_encoder.py``); not called where nobody listens.
            tags: of the version; ``encoder`` is the URI by which it is known, and an encoder is
                registered once.
            description: of the version, in Markdown.
        """
        self._take(
            Model(
                name="model",
                data=zipped(files()),
                registered=registered,
                tags=clean_tags(tags),
                description=mask(description),
            )
        )

    def dataset(self, name: str, digest: str, source: str, context: str) -> None:
        """Say which data the run uses.

        Args:
            name: for example ``digits/image``.
            digest: a checksum or version; the first 36 characters are kept.
            source: the URI it was read from.
            context: what it was used for, for example ``training``.
        """
        self._take(Dataset(name=name, digest=digest[:36], source=mask(source), context=context))

    def finish(self, status: RunStatus = "finished") -> Unsent | None:
        """End the run. Returns what could not be sent, ``None`` when all was. Takes no second."""
        if not self._finished:
            self._take(Finish(status=status, time=now()))
            self._finished = True
            self._unsent = self._close()
        return self._unsent

    def leave(self) -> Unsent | None:
        """Log no more here, and let the run go on: another process resumes it by its ``id``."""
        if not self._finished:
            self._finished = True
            self._unsent = self._close()
        return self._unsent

    def _take(self, event: Event) -> None:
        if self._finished:
            logger.warning(
                "run %s has finished: %s is not logged", self.id, type(event).__name__.lower()
            )
            return
        self._record(event)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.finish("finished")
        else:
            stopped = isinstance(error, Interrupted) or not isinstance(error, Exception)
            self.finish("killed" if stopped else "failed")


class Tracker(ABC):
    """Where runs are recorded."""

    @abstractmethod
    def start(
        self,
        experiment: str,
        name: str,
        *,
        parent: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Run:
        """Start a run.

        Args:
            experiment: the collection; created if absent.
            name: how the run is shown.
            parent: the ``id`` of the run that this one belongs to. Runs are two levels deep at
                most: a child of a child becomes a child of the same parent.
            tags: labels, see ``Run.tag``.

        Raises:
            TrackingError: the server refuses for good. A server that is down does not raise.
        """

    @abstractmethod
    def resume(self, experiment: str, run_id: str, *, tags: Mapping[str, str] | None = None) -> Run:
        """Go on with a run that another process started: a later step logs on the parent.

        Args:
            experiment: the collection.
            run_id: the ``id`` of that run, a placeholder too.
            tags: labels to add.

        Raises:
            TrackingError: there is no such run, or the server refuses for good.
        """

    @abstractmethod
    def find(self, experiment: str, tags: Mapping[str, str]) -> list[FoundRun]:
        """The runs of an experiment that carry all these tags, oldest first.

        None when the server does not answer: that is logged, and no error.
        """
