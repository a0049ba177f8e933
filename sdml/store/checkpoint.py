"""A checkpoint: the one mutable object in a collection, private to one training run."""

from __future__ import annotations

from sdml.errors import NotFoundError
from sdml.store.base import Store, check_key


class CheckpointSlot:
    """One object that is replaced as a whole; a killed save leaves the one before it."""

    def __init__(self, store: Store, key: str) -> None:
        self._store = store
        self._key = check_key(key)
        self.uri = f"{store.uri}/{key}"

    def save(self, data: bytes) -> None:
        """Replace the checkpoint."""
        self._store.put(self._key, data)

    def load(self) -> bytes | None:
        """The checkpoint saved last, or None if there is none."""
        try:
            return self._store.get(self._key)
        except NotFoundError:
            return None

    def clear(self) -> None:
        """Remove the checkpoint; no error if there is none."""
        self._store.delete(self._key)
