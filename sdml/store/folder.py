"""A store in a folder of a local or network filesystem; a key is a relative path.

An object is written to a partial file in its own folder, synced, and renamed. A partial file
that a killed process left has a name beginning with a dot and is never listed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from sdml.errors import NotFoundError
from sdml.store.base import ObjectInfo, Store, Unfinished, check_key, check_prefix, is_key
from sdml.store.files import PARTIAL, Digest, link_file, mapped_errors, sync, write_file

# What else lies at the path of a key that was never put: nothing, or the folder of other keys.
_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_WRITES = 10
_Data = TypeVar("_Data")
_Made = TypeVar("_Made")


class FolderStore(Store):
    """The folder need not exist: the first write makes it, and reading finds it empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.expanduser().resolve()
        self.uri = str(self._folder)

    def put(self, key: str, data: bytes | Path) -> Digest:
        """See :meth:`Store.put`."""
        return self._write(key, data, write_file)

    def adopt(self, key: str, file: Path) -> None:
        """See :meth:`Store.adopt`. On the same filesystem the file gets another name."""
        self._write(key, file, link_file)

    def get(self, key: str) -> bytes:
        """See :meth:`Store.get`."""
        path = self._path(key)
        with mapped_errors(path):
            try:
                return path.read_bytes()
            except _ABSENT as error:
                raise NotFoundError(f"{path}: there is no such object in the store") from error

    def local(self, key: str, scratch: Path) -> Path:  # noqa: ARG002  (nothing is copied)
        """See :meth:`Store.local`."""
        if not self.exists(key):
            raise NotFoundError(f"{self._path(key)}: there is no such object in the store")
        return self._path(key)

    def exists(self, key: str) -> bool:
        """See :meth:`Store.exists`."""
        path = self._path(key)
        with mapped_errors(path):
            return path.is_file()

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See :meth:`Store.list`."""
        parent = check_prefix(prefix).rpartition("/")[0]
        start = self._path(parent) if parent else self._folder
        yield from self._walk(start, f"{parent}/" if parent else "", prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        """See :meth:`Store.folders`. An empty folder may be among them."""
        folder = self._path(check_prefix(prefix).rstrip("/"))
        with mapped_errors(folder), suppress(*_ABSENT), os.scandir(folder) as found:
            yield from sorted(e.name for e in found if is_key(e.name) and e.is_dir())

    def delete(self, key: str) -> None:
        """See :meth:`Store.delete`. Folders that are empty then go too."""
        path = self._path(key)
        with mapped_errors(path), suppress(*_ABSENT):
            path.unlink()
            sync(path.parent)  # a manifest is gone for good before its objects go
            self._prune(path.parent)

    def unfinished(self, prefix: str) -> Iterator[Unfinished]:
        """See :meth:`Store.unfinished`."""
        parent = check_prefix(prefix).rpartition("/")[0]
        for folder, _, names in os.walk(self._path(parent) if parent else self._folder):
            above = Path(folder).relative_to(self._folder)
            for name in names:
                key = str(above / name)
                if not name.startswith(PARTIAL) or not key.startswith(prefix):
                    continue
                path = Path(folder) / name
                with mapped_errors(path), suppress(FileNotFoundError):  # finished meanwhile
                    found = path.stat()
                    yield Unfinished(
                        key=key, name=name, size=found.st_size, modified=_time(found.st_mtime)
                    )

    def discard(self, write: Unfinished) -> None:
        """See :meth:`Store.discard`."""
        path = self._folder / write.key
        with mapped_errors(path), suppress(FileNotFoundError):
            path.unlink()
            self._prune(path.parent)

    def _write(self, key: str, data: _Data, write: Callable[[Path, _Data], _Made]) -> _Made:
        path = self._path(key)
        with mapped_errors(path):
            for _ in range(_WRITES - 1):
                # Another process may delete the last object of the folder, and so the folder.
                with suppress(FileNotFoundError):
                    return write(path, data)
            return write(path, data)

    def _prune(self, folder: Path) -> None:
        """Remove the folder and those above it, up to the store's own, as far as they are empty."""
        with suppress(OSError):  # not empty, not ours to remove, or removed by another process
            while folder != self._folder:
                folder.rmdir()
                folder = folder.parent

    def _path(self, key: str) -> Path:
        return self._folder / check_key(key)

    def _walk(self, folder: Path, above: str, prefix: str) -> Iterator[ObjectInfo]:
        entries: list[tuple[str, os.DirEntry[str]]] = []
        with mapped_errors(folder), suppress(*_ABSENT), os.scandir(folder) as found:
            for entry in found:
                if is_key(entry.name):  # not a partial file
                    # With its slash a folder sorts among files as its keys do.
                    name = entry.name + "/" if entry.is_dir() else entry.name
                    entries.append((above + name, entry))
        for key, entry in sorted(entries, key=lambda pair: pair[0]):
            if key.endswith("/"):
                if key.startswith(prefix) or prefix.startswith(key):
                    yield from self._walk(Path(entry.path), key, prefix)
            elif key.startswith(prefix):
                status = None
                with mapped_errors(entry.path), suppress(FileNotFoundError):  # deleted meanwhile
                    status = entry.stat()
                if status is not None:
                    modified = _time(status.st_mtime)
                    yield ObjectInfo(key=key, size=status.st_size, modified=modified)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
