"""The objects of a version, several at a time: written, removed, or read for their records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from sdml.errors import DataError, StoreError
from sdml.store.base import Store
from sdml.store.files import Digest, blocks_to_store, digest, stamp
from sdml.store.manifest import ObjectRecord
from sdml.store.version import Sealed

_AT_ONCE = 12

Objects = Mapping[str, bytes | Path | Sealed]
Stamps = dict[str, tuple[int, int, int] | None]


def put_objects(store: Store, folder: str, objects: Objects) -> tuple[ObjectRecord, ...]:
    """Write all objects; returns what was really written, sorted by name.

    Raises:
        DataError: a file cannot be read.
        StoreError: the store failed; some may have been written.
    """

    def put(name: str) -> Digest:
        key, data = f"{folder}/{name}", objects[name]
        if isinstance(data, Sealed):
            store.adopt(key, data.path)
            return data.bytes, data.sha256
        return store.put(key, data)

    return _each(objects, put)


def read_records(objects: Objects) -> tuple[ObjectRecord, ...]:
    """What would be written.

    Raises:
        DataError: a file cannot be read.
    """

    def read(name: str) -> Digest:
        data = objects[name]
        if isinstance(data, Sealed):
            return data.bytes, data.sha256
        return digest(blocks_to_store(data))

    return _each(objects, read)


def stamps_of(objects: Objects) -> Stamps:
    """What changes when one of the files is written to, by name.

    Raises:
        DataError: a file cannot be read.
    """
    return {
        name: stamp(data.path if isinstance(data, Sealed) else data)
        for name, data in objects.items()
    }


def check_unchanged(objects: Objects, stamps: Stamps) -> None:
    """Refuse files that were written to since :func:`stamps_of`.

    Raises:
        DataError: one was, or it cannot be read.
    """
    for name, found in stamps_of(objects).items():
        if found != stamps[name]:
            data = objects[name]
            file = data.path if isinstance(data, Sealed) else data
            raise DataError(f"{file!s}: changed while it was being stored as {name}: run again")


def clear(store: Store, folder: str, names: Iterable[str]) -> None:
    """Remove objects, as far as the store does it."""
    with suppress(StoreError):
        for name in names:
            store.delete(f"{folder}/{name}")


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
