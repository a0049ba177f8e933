"""Send later what a run could not send: the ``sdml resend`` command.

Idempotent: progress is recorded in the file, and the backend takes an event a second time
without effect, so an interrupted resend is simply run again. The file goes when all is sent.
"""

from __future__ import annotations

import logging
from pathlib import Path

from sdml.errors import TrackingError, UserError
from sdml.tracking.address import parse_address
from sdml.tracking.delivery import Delivery, Failure
from sdml.tracking.events import Finish
from sdml.tracking.spool import Spool

logger = logging.getLogger(__name__)


def resend(path: Path, *, uri: str | None = None) -> int:
    """Send the events kept in ``path`` and delete it.

    A run whose process was killed before it could finish is marked as killed, at the time of
    its last sign of life. Credentials are not kept in the file: give them by MLflow's
    environment variables or in ``uri``.

    Args:
        path: a spool file, or a folder of them, in which the files of running processes and
            foreign ones are passed over with a warning.
        uri: the server to send to, when it is not where it was.

    Returns:
        How many events were sent.

    Raises:
        UserError: no such file, not a spool file, or a running process uses it.
        TrackingError: the server is down or refuses; what was sent is recorded.
    """
    if not path.is_dir():
        return _resend_file(path, uri)
    files = sorted(path.glob("*.jsonl"))
    if not files:
        raise UserError(f"PATH must hold unsent tracking events (*.jsonl), got the folder {path}")
    sent = 0
    for file in files:
        try:
            sent += _resend_file(file, uri)
        except UserError as error:
            logger.warning("%s is left as it is: %s", file.name, error)
    return sent


def _resend_file(path: Path, uri: str | None) -> int:
    from sdml.tracking.mlflow import MlflowBackend

    # Before the file is opened: opening is a sign of life.
    last_seen = int(path.stat().st_mtime * 1000) if path.exists() else 0
    spool = Spool.reopen(path)
    try:
        backend = MlflowBackend(parse_address(uri or spool.address))
        delivery = Delivery(backend, spool)
        if not spool.finished:
            spool.append(Finish(status="killed", time=last_seen))
        sent, failure = delivery.retry_refused()
        while failure is None and not delivery.idle:
            count, failure = delivery.step()
            sent += count
        if spool.unsent:
            _refuse(backend.address, spool, sent, failure or delivery.refused)
        spool.delete()
    finally:
        spool.close()
    logger.info("%d events of run %r sent to %s", sent, spool.start.name, backend.address)
    return sent


def _refuse(address: str, spool: Spool, sent: int, failure: Failure | None) -> None:
    reason = failure.reason if failure else "no reason given"
    raise TrackingError(
        f"the tracking server {address} must take the events in {spool.path}, it took {sent} and "
        f"{spool.unsent} are left: {reason}: mend that and run again: sdml resend {spool.path}"
    ) from (failure.cause if failure else None)
