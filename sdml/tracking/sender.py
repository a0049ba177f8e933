"""The background thread that sends a live run's events, so that training never waits.

While the server is down it asks again with growing pauses. Events sit in the spool meanwhile. A
server that is slow, because a hundred runs send to it, is asked less often and told more at a time:
a call costs it as much as hundreds of metrics, so that is how it can take more of them.
"""

from __future__ import annotations

import logging
import threading
import time

from sdml.tracking.delivery import Delivery, Failure
from sdml.tracking.events import Event
from sdml.tracking.spool import Spool

logger = logging.getLogger(__name__)

# Gathers the events of fast epochs into one call.
_PACE = 0.5
# Of a run's time, one part is spent in calls to the server and so many in pauses between them.
_PAUSES_PER_CALL = 20
_LONGEST_PACE = 300.0
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0


def pace(seconds: float) -> float:
    """How long to wait after a call that took so many seconds.

    >>> pace(0.01), pace(0.5), pace(60.0)
    (0.5, 10.0, 300.0)
    """
    return min(_LONGEST_PACE, max(_PACE, _PAUSES_PER_CALL * seconds))


class Sender:
    """Owns the thread. ``record`` and ``finish`` are called by the run, ``_work`` by the thread."""

    def __init__(self, delivery: Delivery, spool: Spool, server: str, *, down: bool) -> None:
        self._delivery = delivery
        self._spool = spool
        self._server = server
        self._changed = threading.Condition()
        self._finishing = False
        self._abandoned = False
        self._progress = time.monotonic()
        self._failures = 0
        self._told_down = down
        self._told_refused = False
        self._last: Failure | None = None
        self._thread = threading.Thread(
            target=self._work, name=f"sdml-tracking-{spool.start.uid[:8]}", daemon=True
        )
        self._thread.start()

    def record(self, event: Event) -> None:
        """Queue an event; returns at once."""
        self._spool.append(event)
        with self._changed:
            self._changed.notify_all()

    def finish(self, seconds: float) -> Failure | None:
        """Send what is left; give up after ``seconds`` in which nothing could be sent.

        Returns:
            Why something is left in the spool, if anything is.
        """
        with self._changed:
            self._finishing = True
            self._progress = time.monotonic()
            self._changed.notify_all()
        while self._thread.is_alive():
            left = self._progress + seconds - time.monotonic()
            if left <= 0:
                break
            self._thread.join(min(left, 0.5))
        self._abandoned = True
        with self._changed:
            self._changed.notify_all()
        return self._delivery.refused or self._last

    def _work(self) -> None:
        try:
            while not self._abandoned:
                if self._delivery.idle:
                    if self._finishing:
                        self._delivery.retry_refused()
                        return
                    with self._changed:
                        self._changed.wait_for(lambda: self._finishing or not self._delivery.idle)
                else:
                    self._wait(self._try())
        except Exception:
            # A mistake of ours must not vanish with its thread; the spool keeps the events.
            logger.exception("tracking of %s stopped", self._spool.path)

    def _try(self) -> float:
        """One attempt; returns how long to wait before the next."""
        began = time.monotonic()
        sent, failure = self._delivery.step()
        now = time.monotonic()
        if failure is None:
            if sent:
                self._progress = now
            self._tell_good(sent)
            return pace(now - began)
        self._last = failure
        self._failures += 1
        # One failed call is a hiccup, for example a connection that the server had closed.
        if self._failures == 2 and not self._told_down:
            self._told_down = True
            logger.warning(
                "the tracking server %s does not take events (%s): "
                "they are kept in %s and sent when it does",
                self._server,
                failure.reason,
                self._spool.path,
            )
        return float(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (self._failures - 1)))

    def _tell_good(self, sent: int) -> None:
        refused = self._delivery.refused
        if refused is not None and not self._told_refused:
            self._told_refused = True
            logger.warning(
                "the tracking server %s refused an event (%s): it is kept in %s",
                self._server,
                refused.reason,
                self._spool.path,
            )
        if sent:
            self._failures = 0
            self._last = None
            if self._told_down:
                self._told_down = False
                logger.warning("the tracking server %s takes events again", self._server)

    def _wait(self, seconds: float) -> None:
        with self._changed:
            if self._finishing:
                # The last seconds: ask often, but go on at once after a success.
                if self._failures:
                    self._changed.wait(min(seconds, _FIRST_PAUSE))
            else:
                self._changed.wait_for(lambda: self._finishing, timeout=seconds)
