"""Files of the local disk: written whole or not at all, read in blocks, errors of ours."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from sdml.errors import DataError, StoreAccessError, StoreFullError, StoreUnavailableError

Digest = tuple[int, str]
"""Number of bytes, and their sha256 in lower-case hexadecimal."""

PARTIAL = ".partial-"
_BLOCK = 1 << 20
_BEHIND = 4

_FULL = {
    errno.ENOSPC: "there is no space left",
    errno.EDQUOT: "a disk quota is reached",
    errno.EFBIG: "a limit on the size of files is reached",
}
_REFUSED = {
    errno.EACCES: "permission is denied",
    errno.EPERM: "the operation is not permitted",
    errno.EROFS: "the filesystem is read-only",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EEXIST: "a part of the path is a file, not a folder",
    errno.EISDIR: "the path is a folder, not a file",
    errno.ENAMETOOLONG: "the name is too long for the filesystem",
    errno.ELOOP: "the path has too many symbolic links",
}

# Another filesystem, or one that has no links or no more of them.
_NO_LINK = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS}


@contextmanager
def mapped_errors(where: object) -> Iterator[None]:
    """Turn an ``OSError`` inside the block into an error of ours that names ``where``."""
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        if number in _FULL:
            raise StoreFullError(
                f"{where}: cannot be written, {_FULL[number]}: make room and run again"
            ) from error
        if number in _REFUSED:
            raise StoreAccessError(
                f"{where}: not accessible, {_REFUSED[number]}: correct it or use another store"
            ) from error
        raise StoreUnavailableError(
            f"{where}: the filesystem failed ({error.strerror or error}): "
            f"check the disk or the network mount and run again"
        ) from error


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Give the path of a partial file beside ``path``; it becomes ``path`` when the block ends.

    On any error it is removed and ``path`` is as it was. ``durable``: it is on the disk, not
    only in memory, before it is visible.
    """
    partial = path.with_name(f"{PARTIAL}{secrets.token_hex(8)}")
    make_folder(path.parent)
    try:
        yield partial
        if durable:
            sync(partial)
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    if durable:
        sync(path.parent)


def write_file(path: Path, data: bytes | Path) -> Digest:
    """Write the bytes, or a copy of the file ``data``, to ``path``: all or nothing.

    What is copied is hashed meanwhile, from the same blocks, by another thread.
    """
    with replacing(path) as partial, partial.open("xb") as target, _Hashing() as hashing:
        for block in blocks_to_store(data):
            hashing.add(block)
            target.write(block)
        return hashing.result()


def link_file(path: Path, file: Path) -> None:
    """Give ``file`` the name ``path`` too, all or nothing; a copy where a filesystem ends."""
    with replacing(path) as partial:
        try:
            partial.hardlink_to(file)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            with partial.open("xb") as target:
                for block in blocks_to_store(file):
                    target.write(block)


def blocks_to_store(data: bytes | Path) -> Iterator[bytes]:
    """The bytes, or a file's bytes in blocks so that memory stays small.

    Raises:
        DataError: the file cannot be read.
    """
    if isinstance(data, bytes):
        yield data
        return
    try:
        yield from blocks_of(data)
    except OSError as error:
        raise DataError(f"{data}: cannot be read to store it: {error.strerror or error}") from error


def stamp(data: bytes | Path) -> tuple[int, int, int] | None:
    """What changes when a file is written to or replaced; None for bytes.

    Raises:
        DataError: the file cannot be read.
    """
    if isinstance(data, bytes):
        return None
    try:
        found = data.stat()
    except OSError as error:
        raise DataError(f"{data}: cannot be read to store it: {error.strerror or error}") from error
    return found.st_ino, found.st_size, found.st_mtime_ns


def blocks_of(path: Path) -> Iterator[bytes]:
    """A file's bytes in blocks."""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


class _Hashing:
    """A digest in a thread of its own, at most a few blocks behind; small data need no thread."""

    def __init__(self) -> None:
        self._size, self._checksum = 0, hashlib.sha256()
        self._behind: deque[Future[None]] = deque()
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()

    def add(self, block: bytes) -> None:
        """Hash a block after those before it."""
        self._size += len(block)
        if len(block) < _BLOCK and not self._behind:
            self._checksum.update(block)
            return
        if len(self._behind) == _BEHIND:
            self._behind.popleft().result()
        self._behind.append(self._pool.submit(self._checksum.update, block))

    def result(self) -> Digest:
        """Of all blocks."""
        for block in self._behind:
            block.result()
        return self._size, self._checksum.hexdigest()


def digest(blocks: Iterable[bytes]) -> Digest:
    """Of the blocks one after the other."""
    size, checksum = 0, hashlib.sha256()
    for block in blocks:
        size += len(block)
        checksum.update(block)
    return size, checksum.hexdigest()


def make_folder(folder: Path) -> None:
    """Make the folder and its parents, each entry on the disk when this returns."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir(exist_ok=True)
    except FileExistsError as error:
        if os.path.lexists(folder):
            raise
        # Another process has made it first, and removed it again.
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder)) from error
    sync(folder.parent)


def sync(path: Path) -> None:
    """Bring a file, or the entries of a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network filesystems cannot sync a folder; their rename is durable by itself.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP) or not path.is_dir():
            raise
    finally:
        os.close(descriptor)
