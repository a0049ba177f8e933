"""Matrices of float32 that grow on the disk block by block, as .npy files with their checksums.

One thread hashes, one writes and one brings to the disk what is written, while the next blocks are
made.
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
import numpy.typing as npt

from sdml.features.rows import block_rows
from sdml.features.table import FloatArray

_BUFFERS = 8  # of rows that wait to be hashed and written
_PIECE = 1 << 18  # bytes of one write: of larger ones the page cache wants more memory in one piece
_FLUSHED = 1 << 25  # bytes after which the disk has to begin, so that the end is not waited for


@dataclass(frozen=True, kw_only=True)
class Written:
    """A finished file: nobody writes to it again."""

    path: Path
    bytes: int
    sha256: str


class NpyFiles:
    """Several .npy files of D columns that are written side by side; a context manager.

    Rows are gathered in buffers that are used again and again: fresh memory costs as much as
    copying into it.
    """

    def __init__(self, width: int, *, draft: bool = False) -> None:
        """Begin without files.

        Args:
            width: D.
            draft: they will be written over, so they are neither hashed nor brought to the disk.
        """
        self._draft = draft
        self._hashing = ThreadPoolExecutor(1, thread_name_prefix="sdml-hash")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="sdml-write")
        self._flushing = ThreadPoolExecutor(1, thread_name_prefix="sdml-flush")
        self._waiting: deque[tuple[FloatArray, list[Future[None]]]] = deque()
        self._shape = (block_rows(width), width)
        self._free: list[FloatArray] = []
        self._flushed: list[Future[None]] = []
        self._files: list[_Growing] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pool in (self._hashing, self._writing, self._flushing):
            pool.shutdown(wait=True, cancel_futures=True)
        for growing in self._files:
            growing.file.close()

    def open(self, path: Path, rows: int, *, again: bool = False) -> _Growing:
        """Begin a file.

        Args:
            path: of the file.
            rows: how many it will have in the end.
            again: write over one of the same shape that is there, from its beginning.

        Raises:
            OSError: it cannot be written.
        """
        growing = _Growing(path, (rows, self._shape[1]), again=again)
        self._files.append(growing)
        return growing

    def add(
        self, growing: _Growing, block_BD: FloatArray, chosen: npt.NDArray[np.intp] | None = None
    ) -> None:
        """Append rows of a block: those chosen by number, or all of them.

        Raises:
            OSError: the file takes no more; perhaps of an earlier call.
        """
        count = len(block_BD) if chosen is None else len(chosen)
        done = 0
        while done < count:
            if growing.gathered is None:
                growing.gathered, growing.filled = self._buffer(), 0
            start = growing.filled
            taken = min(count - done, self._shape[0] - start)
            target_BD = growing.gathered[start : start + taken]
            if chosen is None:
                target_BD[:] = block_BD[done : done + taken]
            else:  # clip: the numbers are right, and numpy then needs no copy of its own
                part = chosen[done : done + taken]
                np.take(block_BD, part, axis=0, out=target_BD, mode="clip")
            growing.filled += taken
            done += taken
            if growing.filled == self._shape[0]:
                self._send(growing)

    def finish(self) -> list[Written]:
        """What the files have become, in the order in which they were opened; nothing of drafts.

        Raises:
            OSError: a file took no more.
        """
        for growing in self._files:
            self._send(growing)
        self._wait(0)
        for flushed in self._flushed:
            flushed.result()
        written = [growing.finish() for growing in self._files]
        return [] if self._draft else written

    def _send(self, growing: _Growing) -> None:
        """Have what is gathered hashed and written."""
        if growing.gathered is None:
            return
        data = growing.gathered[: growing.filled].data.cast("B")
        growing.rows += growing.filled
        work = [self._writing.submit(self._write, growing, data)]
        if not self._draft:
            work.append(self._hashing.submit(growing.hash.update, data))
        self._waiting.append((growing.gathered, work))
        growing.gathered = None

    def _write(self, growing: _Growing, data: memoryview) -> None:
        growing.write(data)
        if not self._draft and growing.size - growing.begun >= _FLUSHED:
            self._flushed.append(self._flushing.submit(growing.flush, growing.begun, growing.size))
            growing.begun = growing.size

    def _buffer(self) -> FloatArray:
        self._wait(_BUFFERS)
        return self._free.pop() if self._free else np.empty(self._shape, dtype=np.float32)

    def _wait(self, most: int) -> None:
        """Until at most so many buffers are under way."""
        while len(self._waiting) > most:
            buffer, work = self._waiting.popleft()
            for part in work:
                part.result()
            self._free.append(buffer)


class _Growing:
    """One file, and the rows that are gathered for it."""

    def __init__(self, path: Path, shape: tuple[int, int], *, again: bool) -> None:
        self.path, self._shape, self.rows = path, shape, 0
        self.file = path.open("r+b" if again else "wb", buffering=0)
        self.gathered: FloatArray | None = None
        self.filled = 0
        self.size = self.begun = 0  # bytes, and how many of them the disk was told to take
        header = npy_header(shape)
        self.hash = hashlib.sha256(header)
        self.write(header)

    def write(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self.file.write(rest[:_PIECE]) :]
        self.size += len(data)

    def flush(self, start: int, stop: int) -> None:
        """Have the disk begin with these bytes; nothing is waited for.

        Only fresh pages are named: the advice drops none of them, since they have to be written
        first.
        """
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self.file.fileno(), start, stop - start, os.POSIX_FADV_DONTNEED)

    def finish(self) -> Written:
        assert self.rows == self._shape[0], "as many rows as were promised"
        self.file.close()
        return Written(path=self.path, bytes=self.size, sha256=self.hash.hexdigest())


def npy_header(shape: tuple[int, int]) -> bytes:
    """What stands before the values of such a matrix; the same bytes as ``numpy.save`` writes."""
    buffer = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()
