"""A store in memory, for tests and trials: nothing outlives the object."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from sdml.errors import NotFoundError
from sdml.store.base import ObjectInfo, Store, Unfinished, check_key, check_prefix
from sdml.store.clock import utc_now
from sdml.store.files import Digest, blocks_to_store, digest, mapped_errors, write_file


class MemoryStore(Store):
    """Objects in a dictionary; safe to use from several threads.

    ``clock``: the time at which an object is written.
    """

    def __init__(self, name: str = "store", *, clock: Callable[[], datetime] = utc_now) -> None:
        self.uri = f"memory://{name}"
        self._clock = clock
        self._objects: dict[str, bytes] = {}
        self._modified: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def put(self, key: str, data: bytes | Path) -> Digest:
        """See :meth:`Store.put`."""
        check_key(key)
        content = b"".join(blocks_to_store(data))
        with self._lock:
            self._objects[key] = content
            self._modified[key] = self._clock()
        return digest([content])

    def get(self, key: str) -> bytes:
        """See :meth:`Store.get`."""
        check_key(key)
        with self._lock:
            if key in self._objects:
                return self._objects[key]
        raise NotFoundError(f"{self.uri}/{key}: there is no such object in the store")

    def local(self, key: str, scratch: Path) -> Path:
        """See :meth:`Store.local`."""
        path = scratch / check_key(key)
        with mapped_errors(path):
            write_file(path, self.get(key))
        return path

    def exists(self, key: str) -> bool:
        """See :meth:`Store.exists`."""
        check_key(key)
        with self._lock:
            return key in self._objects

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See :meth:`Store.list`."""
        check_prefix(prefix)
        with self._lock:
            found = [
                ObjectInfo(key=key, size=len(content), modified=self._modified[key])
                for key, content in sorted(self._objects.items())
                if key.startswith(prefix)
            ]
        yield from found

    def delete(self, key: str) -> None:
        """See :meth:`Store.delete`."""
        check_key(key)
        with self._lock:
            self._objects.pop(key, None)

    def unfinished(self, prefix: str) -> Iterator[Unfinished]:
        """See :meth:`Store.unfinished`. There are none: a write is one step."""
        check_prefix(prefix)
        yield from ()

    def discard(self, write: Unfinished) -> None:
        """See :meth:`Store.discard`."""
