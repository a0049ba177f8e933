"""Runs on a server that may be down: a spool file, a sender thread and a backend put together.

Knows nothing of MLflow; see ``mlflow.py`` for the backend.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from sdml.errors import TrackingError
from sdml.tracking.base import FoundRun, Run, Tracker, Unsent, now
from sdml.tracking.delivery import Backend, Delivery, Failure
from sdml.tracking.events import Event, Start
from sdml.tracking.names import clean_tags, mask
from sdml.tracking.sender import Sender
from sdml.tracking.spool import Spool

logger = logging.getLogger(__name__)

PLACEHOLDER = "unsent-"
"""How the id of a run begins that the server does not know yet; its ``uid`` follows."""

_SECOND_TRY_AFTER = 0.5

# An injected run is adopted once per process, whichever tracker asks first.
_adopted: set[tuple[int, str]] = set()
_adopting = threading.Lock()


class RemoteRun(Run):
    """A run whose events are sent in the background."""

    def __init__(self, backend: Backend, spool: Spool, *, down: bool, patience: float) -> None:
        super().__init__()
        self._server = backend.address
        self._patience = patience
        self._spool = spool
        self._sender = Sender(Delivery(backend, spool), spool, backend.address, down=down)

    @property
    def id(self) -> str:
        """The server's id; while the server has not answered yet, a placeholder.

        A placeholder may be used as ``parent`` too, in any process: the runs find each other
        on the server by a tag.
        """
        start = self._spool.start
        return self._spool.run_id or start.adopt or PLACEHOLDER + start.uid

    def _record(self, event: Event) -> None:
        self._sender.record(event)

    def _close(self) -> Unsent | None:
        failure = self._sender.finish(self._patience)
        spool = self._spool
        count = spool.unsent
        if count:
            spool.flush_memory()
        if spool.lost:
            logger.warning(
                "%d tracking events of run %r are lost: neither the tracking server %s nor the "
                "disk at %s took them",
                spool.lost,
                spool.start.name,
                self._server,
                spool.path.parent,
            )
        if not count:
            spool.delete()
            return None
        spool.close()
        logger.warning(
            "%d tracking events of run %r were not sent to %s (%s); they are kept in %s: "
            "to send them later run: sdml resend %s",
            count,
            spool.start.name,
            self._server,
            failure.reason if failure else f"no answer within {self._patience:.0f} s",
            spool.path,
            spool.path,
        )
        return Unsent(count=count, path=spool.path)


class RemoteTracker(Tracker):
    """Starts runs on ``backend``; what cannot be sent is kept in ``folder``.

    ``patience`` is for how many seconds a finishing run asks a server that takes nothing.
    """

    def __init__(self, backend: Backend, folder: Path, *, patience: float = 10.0) -> None:
        self._backend = backend
        self._folder = folder
        self._patience = patience

    def start(
        self,
        experiment: str,
        name: str,
        *,
        parent: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Run:
        """Start a run, or go on with the one that the environment names.

        Without ``parent``, the first start of a process continues an injected run (with MLflow:
        ``MLFLOW_RUN_ID``) instead of making one. With ``parent`` the variable is ignored.

        Raises:
            TrackingError: the server refuses for good.
        """
        adopt = self._adopt() if parent is None else None
        return self._begin(experiment, name, parent, tags, adopt)

    def resume(self, experiment: str, run_id: str, *, tags: Mapping[str, str] | None = None) -> Run:
        """Go on with a run that another process started.

        Raises:
            TrackingError: there is no such run, or the server refuses for good.
        """
        return self._begin(experiment, run_id, None, tags, run_id)

    def find(self, experiment: str, tags: Mapping[str, str]) -> list[FoundRun]:
        """Ask the server."""
        found = self._backend.find_runs(experiment, clean_tags(tags))
        if isinstance(found, Failure):
            logger.warning(
                "runs could not be looked up on the tracking server %s: %s",
                self._backend.address,
                mask(found.reason),
            )
            return []
        return found

    def _begin(
        self,
        experiment: str,
        name: str,
        parent: str | None,
        tags: Mapping[str, str] | None,
        adopt: str | None,
    ) -> Run:
        """Open the run on the server, or in the spool alone while the server is down."""
        start = Start(
            uid=uuid.uuid4().hex,
            experiment=experiment,
            name=name,
            parent=parent,
            tags=clean_tags(tags or {}),
            time=now(),
            adopt=adopt,
        )
        opened = self._backend.open_run(start)
        if isinstance(opened, Failure) and not opened.lasting:
            time.sleep(_SECOND_TRY_AFTER)
            opened = self._backend.open_run(start)
        if isinstance(opened, Failure) and opened.lasting:
            raise TrackingError(
                f"the tracking server {self._backend.address} must accept the run {start.name!r}, "
                f"it refused: {opened.reason}"
            ) from opened.cause
        spool = Spool.create(self._folder, self._backend.address, start)
        if isinstance(opened, Failure):
            logger.warning(
                "the tracking server %s does not answer (%s): the run %r goes on, "
                "its events are kept in %s and sent when the server answers",
                self._backend.address,
                mask(opened.reason),
                start.name,
                spool.path,
            )
        else:
            spool.opened(opened)
        down = isinstance(opened, Failure)
        return RemoteRun(self._backend, spool, down=down, patience=self._patience)

    def _adopt(self) -> str | None:
        injected = self._backend.injected_run()
        if injected is None:
            return None
        with _adopting:
            key = (os.getpid(), injected)
            if key in _adopted:
                return None
            _adopted.add(key)
        return injected
