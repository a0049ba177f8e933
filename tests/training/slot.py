"""A checkpoint in memory, instead of one in a store."""

from __future__ import annotations


class MemorySlot:
    """What was saved last, and how often something was."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.saves = 0

    def save(self, data: bytes) -> None:
        """Keep it."""
        self.data = data
        self.saves += 1

    def load(self) -> bytes | None:
        """The last one."""
        return self.data

    def clear(self) -> None:
        """Forget it."""
        self.data = None
