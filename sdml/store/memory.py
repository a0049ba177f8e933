"""A store in memory, for tests and trials: nothing outlives the object."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from sdml.errors import NotFoundError
from sdml.store.base import ObjectInfo, Store, check_key, check_prefix
from sdml.store.files import blocks_to_store, mapped_errors, write_file


class MemoryStore(Store):
    """Objects in a dictionary; safe to use from several threads."""

    def __init__(self, name: str = "store") -> None:
        self.uri = f"memory://{name}"
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def put(self, key: str, data: bytes | Path) -> None:
        """See :meth:`Store.put`."""
        check_key(key)
        content = b"".join(blocks_to_store(data))
        with self._lock:
            self._objects[key] = content

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
            found = {k: len(v) for k, v in self._objects.items() if k.startswith(prefix)}
        for key in sorted(found):
            yield ObjectInfo(key=key, size=found[key])

    def delete(self, key: str) -> None:
        """See :meth:`Store.delete`."""
        check_key(key)
        with self._lock:
            self._objects.pop(key, None)
