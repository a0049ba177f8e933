"""Rows of a float32 matrix in a file, read by number and never mapped into memory.

A page of a memory map that was looked at counts as memory of the process until the kernel takes it
back, and a page that is not there makes the reader wait, one page at a time. Here the bytes that
are wanted are announced first, so that the disk works on many of them at once, and then copied.

Letters: N rows of the file, D values in a row, B rows asked for.
"""

from __future__ import annotations

import os
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sdml.errors import IntegrityError, StoreUnavailableError

_Rows = npt.NDArray[np.intp]
_Floats = npt.NDArray[np.float32]
_FLOAT = np.dtype("<f4")


class RowFile:
    """An open file with N rows of D little-endian float32, one after the other.

    Attributes:
        shape: (N, D).
    """

    def __init__(self, path: Path, *, offset: int, shape: tuple[int, int]) -> None:
        """Open the file.

        Args:
            path: of the file.
            offset: where the first row begins, in bytes.
            shape: (N, D).

        Raises:
            StoreUnavailableError: it cannot be opened.
        """
        self.shape = shape
        self._path, self._offset, self._row = path, offset, shape[1] * _FLOAT.itemsize
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise self._unreadable(error) from error
        weakref.finalize(self, os.close, self._file)

    @classmethod
    def behind(cls, array: npt.NDArray[Any]) -> RowFile | None:
        """The file that a memory-mapped array is all of, but for a header; None of any other."""
        if not isinstance(array, np.memmap) or not array.filename or array.ndim != 2:
            return None
        if array.dtype != _FLOAT or not array.flags.c_contiguous:
            return None
        path = Path(array.filename)
        with suppress(OSError):
            if path.stat().st_size == array.offset + array.nbytes:
                return cls(path, offset=array.offset, shape=(array.shape[0], array.shape[1]))
        return None

    def announce(self, rows_B: _Rows) -> None:
        """Say which rows are wanted soon; the disk may fetch them in any order, at once."""
        if not hasattr(os, "posix_fadvise"):
            return
        for row in np.sort(rows_B).tolist():
            start = self._offset + row * self._row
            os.posix_fadvise(self._file, start, self._row, os.POSIX_FADV_WILLNEED)

    def read(self, rows_B: _Rows, out_BD: _Floats) -> None:
        """Copy rows, in the order asked for, into a contiguous (B, D).

        Raises:
            IntegrityError: the file ends too early.
            StoreUnavailableError: the disk fails.
        """
        view = out_BD.data.cast("B")
        for place, row in enumerate(rows_B.tolist()):
            target = view[place * self._row : (place + 1) * self._row]
            self._fill(target, self._offset + row * self._row)

    def block(self, start: int, out_BD: _Floats) -> None:
        """Copy B rows that follow each other, from number ``start``, into a contiguous (B, D).

        Raises:
            IntegrityError, StoreUnavailableError: as :meth:`read`.
        """
        self._fill(out_BD.data.cast("B"), self._offset + start * self._row)

    def _fill(self, view: memoryview, position: int) -> None:
        while view:
            try:
                count = os.preadv(self._file, [view], position)
            except OSError as error:
                raise self._unreadable(error) from error
            if not count:
                raise IntegrityError(
                    f"{self._path}: must hold {self.shape[0]} rows of {self.shape[1]} values, but "
                    f"ends after {position} bytes: make the version again or restore it"
                )
            view, position = view[count:], position + count

    def _unreadable(self, error: OSError) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"{self._path}: cannot be read ({error.strerror or error}): check the disk or the "
            "network mount and run again"
        )
