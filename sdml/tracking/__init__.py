"""Experiment tracking: what was run, with which settings, and how it went.

``open_tracker`` gives a tracker; a tracker starts runs; a run takes params, metrics, tags, small
files and datasets. A server that is down delays the record and never the work.
"""

from __future__ import annotations

from pathlib import Path

from sdml.tracking.address import parse_address
from sdml.tracking.base import FoundRun, Run, Tracker, Unsent
from sdml.tracking.events import RunStatus
from sdml.tracking.memory import MemoryRun, MemoryTracker
from sdml.tracking.names import TAG_CHARACTERS, mask
from sdml.tracking.null import NullRun, NullTracker
from sdml.tracking.registry import Promotion, Registry, model_name, open_registry
from sdml.tracking.resend import resend

__all__ = [
    "TAG_CHARACTERS",
    "FoundRun",
    "MemoryRun",
    "MemoryTracker",
    "NullRun",
    "NullTracker",
    "Promotion",
    "Registry",
    "Run",
    "RunStatus",
    "Tracker",
    "Unsent",
    "mask",
    "model_name",
    "open_registry",
    "open_tracker",
    "resend",
]


def open_tracker(uri: str | None, *, spool: Path | None = None) -> Tracker:
    """Open the tracker at an address.

    Args:
        uri: ``http(s)://…`` of an MLflow server, ``sqlite:////ABSOLUTE/PATH/mlflow.db``, or
            ``None`` to track nothing.
        spool: the folder that keeps unsent events; by default ``unsent`` beside a database, and
            ``~/.local/state/sdml/unsent`` for a server.

    Raises:
        UserError: not such an address, or a database file that cannot be used.
        MissingExtraError: mlflow is not installed.
    """
    if uri is None:
        return NullTracker()
    address = parse_address(uri)

    from sdml.tracking.mlflow import MlflowBackend
    from sdml.tracking.remote import RemoteTracker

    return RemoteTracker(MlflowBackend(address), spool or address.default_spool)
