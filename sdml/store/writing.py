"""The objects of a version, several at a time: written, removed, or read for their records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from sdml.errors import StoreError
from sdml.store.base import Store
from sdml.store.files import Digest, blocks_to_store, digest
from sdml.store.manifest import ObjectRecord

_AT_ONCE = 12

Objects = Mapping[str, bytes | Path]


def put_objects(store: Store, folder: str, objects: Objects) -> tuple[ObjectRecord, ...]:
    """Write all objects; returns what was really written, sorted by name.

    Raises:
        DataError: a file cannot be read.
        StoreError: the store failed; some may have been written.
    """
    return _each(objects, lambda name: store.put(f"{folder}/{name}", objects[name]))


def read_records(objects: Objects) -> tuple[ObjectRecord, ...]:
    """What would be written.

    Raises:
        DataError: a file cannot be read.
    """
    return _each(objects, lambda name: digest(blocks_to_store(objects[name])))


def _each(objects: Objects, act: Callable[[str], Digest]) -> tuple[ObjectRecord, ...]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        futures = {name: pool.submit(act, name) for name in sorted(objects)}
        try:
            return tuple(_record(name, *future.result()) for name, future in futures.items())
        finally:
            for future in futures.values():
                future.cancel()


def _record(name: str, size: int, checksum: str) -> ObjectRecord:
    return ObjectRecord(name=name, bytes=size, sha256=checksum)


def clear(store: Store, folder: str, names: Iterable[str]) -> None:
    """Remove objects, as far as the store does it."""
    with suppress(StoreError):
        for name in names:
            store.delete(f"{folder}/{name}")
