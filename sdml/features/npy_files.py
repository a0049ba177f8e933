"""Matrices of float32 that grow on the disk block by block, as .npy files with their checksums.

A thread of its own hashes and writes while the next blocks are made.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from sdml.features.table import FloatArray

_WAITING = 4  # blocks
_FLUSHED = 1 << 24  # bytes after which the disk is told to begin


@dataclass(frozen=True, kw_only=True)
class Written:
    """A finished file: nobody writes to it again."""

    path: Path
    bytes: int
    sha256: str


class NpyFiles:
    """Several .npy files of float32 that are written side by side; a context manager."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="sdml-npy")
        self._waiting: deque[Future[None]] = deque()
        self._files: list[_Growing] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        for growing in self._files:
            growing.close()

    def open(self, path: Path, shape: tuple[int, int], *, again: bool = False) -> _Growing:
        """Begin a file.

        Args:
            path: of the file.
            shape: what it will hold in the end.
            again: write over one of the same shape that is there, from its beginning.

        Raises:
            OSError: it cannot be written.
        """
        growing = _Growing(path, shape, again=again)
        self._files.append(growing)
        return growing

    def add(self, growing: _Growing, block_BD: FloatArray) -> None:
        """Append rows, which must not change from now on.

        Raises:
            OSError: the file takes no more; perhaps of an earlier call.
        """
        if len(self._waiting) >= _WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(growing.add, np.ascontiguousarray(block_BD)))

    def finish(self) -> list[Written]:
        """What the files have become, in the order in which they were opened.

        Raises:
            OSError: a file took no more.
        """
        while self._waiting:
            self._waiting.popleft().result()
        return [growing.finish() for growing in self._files]


class _Growing:
    """One file."""

    def __init__(self, path: Path, shape: tuple[int, int], *, again: bool) -> None:
        self.path, self._shape = path, shape
        self._file = path.open("r+b" if again else "wb", buffering=0)
        self._hash, self._size, self._flushed, self._rows = hashlib.sha256(), 0, 0, 0
        self._write(npy_header(shape))

    def add(self, block_BD: FloatArray) -> None:
        self._write(block_BD.data.cast("B"))
        self._rows += len(block_BD)

    def finish(self) -> Written:
        assert self._rows == self._shape[0], "as many rows as were promised"
        self.close()
        return Written(path=self.path, bytes=self._size, sha256=self._hash.hexdigest())

    def close(self) -> None:
        self._file.close()

    def _write(self, data: bytes | memoryview) -> None:
        self._hash.update(data)
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._size += len(data)
        if self._size - self._flushed >= _FLUSHED and hasattr(os, "posix_fadvise"):
            # Dirty pages are not dropped by this, but their way to the disk begins.
            flushed = self._size - self._flushed
            os.posix_fadvise(self._file.fileno(), self._flushed, flushed, os.POSIX_FADV_DONTNEED)
            self._flushed = self._size


def npy_header(shape: tuple[int, int]) -> bytes:
    """What stands before the values of such a matrix; the same bytes as ``numpy.save`` writes."""
    buffer = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()
