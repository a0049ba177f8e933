"""The time of creation: UTC, to the microsecond, never the same twice from one clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class StrictClock:
    """A clock whose every reading is later than the one before, whatever ``clock`` says.

    So versions made one after the other in one process are ordered even when the machine's
    clock is coarse or is set back meanwhile.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._last: datetime | None = None
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        """The time, in UTC."""
        with self._lock:
            now = self._clock().astimezone(UTC)
            if self._last is not None and now <= self._last:
                now = self._last + timedelta(microseconds=1)
            self._last = now
            return now


utc_now = StrictClock(lambda: datetime.now(UTC))
"""The default clock, one for the whole process."""
