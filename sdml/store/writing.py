"""Several objects written at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from sdml.errors import DataError, StoreError
from sdml.store.base import Store
from sdml.store.files import stamp
from sdml.store.version import Sealed, bare

Stamps = dict[str, tuple[int, int, int] | None]
_UPLOADS = 4


def put_all(store: Store, objects: Mapping[str, bytes | Path | Sealed]) -> None:
    """Write objects by their keys; after an error none is begun any more.

    Raises what :meth:`Store.put` raises.
    """

    def put(key: str, data: bytes | Path | Sealed) -> None:
        if isinstance(data, Sealed):
            store.adopt(key, data.path)
        else:
            store.put(key, data)

    with ThreadPoolExecutor(_UPLOADS) as pool:
        futures = [pool.submit(put, key, data) for key, data in objects.items()]
        try:
            for future in futures:
                future.result()
        finally:
            for future in futures:
                future.cancel()


def stamps_of(objects: Mapping[str, bytes | Path | Sealed]) -> Stamps:
    """What changes when one of the files is written to, by name.

    Raises:
        DataError: a file cannot be read.
    """
    return {name: stamp(bare(data)) for name, data in objects.items()}


def check_unchanged(objects: Mapping[str, bytes | Path | Sealed], stamps: Stamps) -> None:
    """Refuse files that were written to since :func:`stamps_of`.

    Raises:
        DataError: one was, or it cannot be read.
    """
    for name, found in stamps_of(objects).items():
        if found != stamps[name]:
            file = bare(objects[name])
            raise DataError(f"{file!s}: changed while it was being stored as {name}: run again")


def clear(store: Store, keys: Iterable[str]) -> None:
    """Remove objects, as far as the store does it."""
    with suppress(StoreError):
        for key in keys:
            store.delete(key)
