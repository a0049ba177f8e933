"""The interface of a store: named objects of bytes, written whole or not at all."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sdml.errors import StoreAccessError
from sdml.store.files import Digest, blocks_of, digest, mapped_errors

# A part never begins with a dot: no "..", and such names are free for partial files.
_PART = r"[A-Za-z0-9_+=@-][A-Za-z0-9._+=@-]{0,199}"
_KEY = re.compile(rf"{_PART}(/{_PART})*")
_KEY_LENGTH = 900
_PART_BYTES = 255  # of a file name


@dataclass(frozen=True, kw_only=True)
class ObjectInfo:
    """One object in a listing; ``modified`` is when it was written, by the store's own clock."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """A write that has begun and not ended: its process is at work, or was killed.

    ``name`` is how the store itself knows it; ``modified`` is when it last went on, or began
    where the store does not say more.
    """

    key: str
    name: str
    size: int
    modified: datetime


class Store(ABC):
    """Objects under keys such as ``digits/subspaces/ab12/manifest.json``.

    Every method may raise :class:`~sdml.errors.StoreAccessError` (refused: permissions,
    credentials, a bad key) and :class:`~sdml.errors.StoreUnavailableError` (no answer after
    all retries). Methods may be called from several threads.
    """

    uri: str
    """A folder's absolute path or ``s3://bucket/prefix``, without a trailing slash."""

    @abstractmethod
    def put(self, key: str, data: bytes | Path) -> Digest:
        """Write an object, replacing it if it is there; readers see the old or the new one.

        Returns:
            Size and sha256 of the very bytes that were written.

        Raises:
            StoreFullError: no space, or a quota is reached; the object is as it was.
            DataError: ``data`` is a file that cannot be read.
        """

    def adopt(self, key: str, file: Path) -> None:
        """As :meth:`put` of a file that nobody will write to again; not copied where it need not.

        The name ``file`` stays the caller's, to be removed.
        """
        self.put(key, file)

    @abstractmethod
    def get(self, key: str) -> bytes:
        """The object's bytes.

        Raises:
            NotFoundError: there is no such object.
        """

    @abstractmethod
    def local(self, key: str, scratch: Path) -> Path:
        """A file with the object's bytes, to be read or memory-mapped but never changed.

        It is the object itself where the store is a folder, else a download into ``scratch``.

        Raises:
            NotFoundError: there is no such object.
            StoreFullError: ``scratch`` has no room for it.
        """

    def fetch(self, key: str, scratch: Path) -> tuple[Path, Digest]:
        """As :meth:`local`, with the size and sha256 of the file's bytes."""
        path = self.local(key, scratch)
        with mapped_errors(path):
            return path, digest(blocks_of(path))

    @abstractmethod
    def exists(self, key: str) -> bool:
        """Whether the object is there, whole."""

    @abstractmethod
    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects whose key begins with ``prefix``, in the order of the keys' bytes.

        Partial writes are never listed. An empty prefix lists the whole store.
        """

    def folders(self, prefix: str) -> Iterator[str]:
        """The names right below ``prefix``, which ends with a slash, that have objects below them.

        In the order of their bytes; what is below is not listed where the store can do without.
        """
        last = None
        for info in self.list(prefix):
            name, slash, _ = info.key.removeprefix(prefix).partition("/")
            if slash and name != last:
                yield name
                last = name

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove the object for good; no error if it is not there."""

    @abstractmethod
    def unfinished(self, prefix: str) -> Iterator[Unfinished]:
        """Writes to keys under ``prefix`` that have begun and not ended."""

    @abstractmethod
    def discard(self, write: Unfinished) -> None:
        """Remove what an unfinished write has left; no error if it is not there."""


def is_key(key: str) -> bool:
    """Whether every kind of store can hold ``key``."""
    return len(key) <= _KEY_LENGTH and _KEY.fullmatch(key) is not None


def check_key(key: str) -> str:
    """Return ``key`` if it is one that every kind of store can hold.

    Raises:
        StoreAccessError: an absolute or empty key, an empty part, a part that begins with a
            dot, a character that is not allowed, or a key that is too long.
    """
    if not is_key(key):
        raise StoreAccessError(
            f"a key in a store is parts joined by /, of letters, digits and ._+=@-, none "
            f"beginning with a dot, {_KEY_LENGTH} characters at most: not {key[:200]!r}"
        )
    return key


def is_path(key: str) -> bool:
    """Whether an object that someone else has named can be a file below a folder here."""
    parts = key.split("/")
    return "\0" not in key and all(
        part not in ("", ".", "..") and len(part.encode()) <= _PART_BYTES for part in parts
    )


def check_path(key: str) -> str:
    """Return ``key`` if :func:`is_path`.

    Raises:
        StoreAccessError: it is not.
    """
    if not is_path(key):
        raise StoreAccessError(
            f"a path in a bucket is names joined by /, none of them empty or . or .. or of more "
            f"than {_PART_BYTES} bytes: not {key[:200]!r}"
        )
    return key


def check_prefix(prefix: str) -> str:
    """Return ``prefix`` if it is empty or some key could begin with it.

    Raises:
        StoreAccessError: no key can begin so.
    """
    if prefix:
        check_key(prefix + "x" if prefix.endswith("/") else prefix)
    return prefix
