"""Vectors of many samples, read a block at a time, so that they need not fit into memory.

Letters: N samples, D features, B rows of a block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from sdml.errors import DataError
from sdml.features.table import AnyArray, FloatArray
from sdml.features.validation import check_form, float32_blocks

BLOCK_BYTES = 1 << 20  # of float32: a block and what is computed from it stay in the cache


class Rows:
    """N vectors of D features, which every call of :meth:`blocks` reads anew.

    Attributes:
        shape: (N, D).
        where: names them in errors.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        read: Callable[[], Iterable[AnyArray]],
        *,
        dtype: np.dtype[np.generic],
        where: str,
    ) -> None:
        """Check what is known before anything is read.

        Args:
            shape: (N, D).
            read: gives all rows in order, in blocks of any height, of numbers of any type; a block
                may lie in the memory of the one before.
            dtype: what type.
            where: names them in errors.

        Raises:
            DataError: not two-dimensional, nothing inside, or not real numbers.
        """
        check_form(shape, dtype, where=where)
        self.shape = (shape[0], shape[1])
        self.where = where
        self._read = read
        self._parts: tuple[Rows, ...] = ()

    @classmethod
    def of_array(cls, array: AnyArray, *, where: str) -> Rows:
        """The rows of an array, which may be memory-mapped."""

        def read() -> Iterator[AnyArray]:
            step = block_rows(array.shape[1])
            for start in range(0, len(array), step):
                yield array[start : start + step]

        return cls(array.shape, read, dtype=array.dtype, where=where)

    @classmethod
    def joined(cls, parts: Sequence[Rows], *, where: str) -> Rows:
        """The rows of several, one after the other.

        Raises:
            DataError: they differ in width.
        """
        if len({part.shape[1] for part in parts}) > 1:
            widths = ", ".join(str(part.shape) for part in parts)
            raise DataError(f"{where}: features of all parts must agree in width: {widths}")

        def read() -> Iterator[AnyArray]:
            for part in parts:
                yield from part.blocks()

        total = sum(part.shape[0] for part in parts)
        made = cls((total, parts[0].shape[1]), read, dtype=np.dtype(np.float32), where=where)
        made._parts = tuple(parts)
        return made

    def part(self, start: int, stop: int) -> Rows:
        """Those from number ``start`` to before ``stop``.

        What lies before in the same file is read and left out.
        """
        if self._parts:
            inside, first = [], 0
            for part in self._parts:
                low, high = max(0, start - first), min(len(part), stop - first)
                if low < high:
                    inside.append(part.part(low, high))
                first += len(part)
            return Rows.joined(inside, where=self.where)

        def read() -> Iterator[AnyArray]:
            row = 0
            for block in self._read():
                yield block[max(0, start - row) : max(0, stop - row)]
                row += len(block)
                if row >= stop:
                    return

        shape = (stop - start, self.shape[1])
        return Rows(shape, read, dtype=np.dtype(np.float32), where=self.where)

    def __len__(self) -> int:
        return self.shape[0]

    def blocks(self) -> Iterator[FloatArray]:
        """All rows in order, finite float32 (B, D), each block small; the next may overwrite it.

        Raises:
            DataError: a value is not finite, or too large for float32; or the source no longer
                holds what it did.
        """
        row, step = 0, block_rows(self.shape[1])
        for block in float32_blocks(self._small(step), where=self.where):
            row += len(block)
            yield block
        if row != self.shape[0]:
            raise DataError(
                f"{self.where}: {self.shape[0]} rows were there and {row} could be read: "
                "do not change a source while it is read"
            )

    def check(self) -> None:
        """Read everything once. Raises DataError as :meth:`blocks` does."""
        for _ in self.blocks():
            pass

    def all(self) -> FloatArray:
        """One array, float32 (N, D). Raises DataError as :meth:`blocks` does."""
        result = np.empty(self.shape, dtype=np.float32)
        row = 0
        for block in self.blocks():
            result[row : row + len(block)] = block
            row += len(block)
        return result

    def _small(self, step: int) -> Iterator[AnyArray]:
        for block in self._read():
            for start in range(0, len(block), step):
                yield block[start : start + step]


def block_rows(width: int) -> int:
    """How many rows of so many features one block has."""
    return max(1, BLOCK_BYTES // (4 * max(1, width)))
