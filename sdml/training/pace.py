"""When a checkpoint is due: not too often, whatever it takes to save one."""

from __future__ import annotations

from collections.abc import Callable

SAVING = 0.01
"""The most of a training's time that goes into checkpoints on the way."""


class Pace:
    """The time of the last checkpoint, or of the beginning, and what it took to save."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin now, by a ``clock`` of seconds."""
        self._clock = clock
        self._saved_at, self._took = clock(), 0.0

    def save(self, write: Callable[[], None], *, seconds: float) -> None:
        """Call ``write``, unless that was done less than ``seconds`` ago, or too lately.

        Too lately is so lately that saving would take more than :data:`SAVING` of the time. With 0
        seconds it is always called.
        """
        began = self._clock()
        if seconds and began - self._saved_at < max(seconds, self._took / SAVING):
            return
        write()
        self._saved_at = self._clock()
        self._took = self._saved_at - began
