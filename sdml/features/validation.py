"""Checks that vectors pass before anything is written, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from sdml.errors import DataError
from sdml.features.table import AnyArray, FloatArray

_BLOCK_VALUES = 1 << 22
_DIGESTED_BYTES = 1 << 18  # of rows: they, and what is computed of them, stay in the cache
_Words = npt.NDArray[np.uint64]
_MIX, _HALF, _SEED = np.uint64(0x9E3779B97F4A7C15), np.uint64(32), 0


def row_blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Slices of rows that cover an (N, D) array, each of at most about four million values."""
    samples, width = shape
    rows = max(1, _BLOCK_VALUES // max(1, width))
    for start in range(0, samples, rows):
        yield slice(start, min(start + rows, samples))


def check_form(shape: tuple[int, ...], dtype: np.dtype[Any], *, where: str) -> None:
    """Refuse what can be no features.

    Raises:
        DataError: not 2-D, no rows or no columns, or not real numbers.
    """
    if len(shape) != 2 or 0 in shape:
        raise DataError(
            f"{where}: features must be 2-D (samples, features), at least one of each, "
            f"not of shape {shape}: save one row for each sample"
        )
    if dtype.kind not in "fiub":
        raise DataError(
            f"{where}: features must be real numbers, not of type {dtype}: "
            "save them as a numeric array"
        )


def float32_blocks(blocks: Iterable[AnyArray], *, where: str) -> Iterator[FloatArray]:
    """The same values as finite float32, block by block; float32 blocks themselves, uncopied.

    A block is looked at no more once the next is asked for, so all may lie in one buffer.

    Raises:
        DataError: NaN, infinite, or too large for float32; the message gives the first row and
            column of all blocks and the count.
    """
    rest = iter(blocks)
    row = 0
    finite = np.empty((0, 0), dtype=np.bool_)
    for block in rest:
        made = _float32(block)
        if finite.shape[0] < len(made) or finite.shape[1:] != made.shape[1:]:
            finite = np.empty(made.shape, dtype=np.bool_)
        if not np.isfinite(made, out=finite[: len(made)]).all():
            _refuse(chain([block], rest), row, where)
        row += len(block)
        yield made


def as_float32(features: AnyArray, *, where: str) -> FloatArray:
    """The same values as finite float32 (N, D); a float32 array is returned itself, uncopied.

    Raises:
        DataError: as :func:`check_form` and :func:`float32_blocks`.
    """
    check_form(features.shape, features.dtype, where=where)
    already = features.dtype == np.dtype(np.float32) and features.dtype.isnative
    result = features if already else np.empty(features.shape, dtype=np.float32)
    slices = list(row_blocks(features.shape))
    blocks = float32_blocks((features[rows] for rows in slices), where=where)
    for rows, block in zip(slices, blocks, strict=True):
        if not already:
            result[rows] = block
    return result


def _float32(block: AnyArray) -> FloatArray:
    with np.errstate(over="ignore"):
        return block.astype(np.float32, copy=False)


def _refuse(blocks: Iterable[AnyArray], row: int, where: str) -> NoReturn:
    """Count the bad values of these blocks, of which the first begins at ``row``; then raise."""
    first: tuple[int, int, Any] | None = None
    count = 0
    for block in blocks:
        bad = np.argwhere(~np.isfinite(_float32(block)))
        count += len(bad)
        if first is None and len(bad):
            at = (int(bad[0, 0]), int(bad[0, 1]))
            first = (row + at[0], at[1], block[at])
        row += len(block)
    assert first is not None
    value = first[2]
    problem = f"{value}" + (", too large for float32" if np.isfinite(value) else "")
    raise DataError(
        f"{where}: features must be finite: {count} value{'s are' if count > 1 else ' is'} not, "
        f"the first at row {first[0]}, column {first[1]} (counted from 0): {problem}: "
        "remove or fill them"
    )


class RowDigests:
    """One 64-bit digest for each row; equal rows have equal digests (0.0 equals -0.0).

    A sum of the row's words, mixed and weighed at random: two different rows have one digest with a
    probability of about 2**-64. It keeps out no adversary. What is computed on the way lies in the
    same two small buffers each time.
    """

    def __init__(self, width: int) -> None:
        """For rows of ``width`` float32."""
        self._weights_W = _weights((width + 1) // 2)
        self._rows = max(1, _DIGESTED_BYTES // (8 * len(self._weights_W)))
        self._words = np.empty((self._rows, len(self._weights_W)), dtype=np.uint64)
        self._values, self._end = np.hsplit(self._words.view(np.float32), [width])
        self._high = np.empty_like(self._words)

    def of(self, features_ND: FloatArray) -> _Words:
        """Of each row of a float32 (N, D): (N,)."""
        digests_N = np.empty(len(features_ND), dtype=np.uint64)
        for start in range(0, len(features_ND), self._rows):
            values_BD = features_ND[start : start + self._rows]
            height = len(values_BD)
            words_BW, high_BW = self._words[:height], self._high[:height]
            np.add(values_BD, np.float32(0), out=self._values[:height])
            self._end[:height] = 0  # the second half of the last word, if the width is odd
            np.multiply(words_BW, _MIX, out=words_BW)
            np.right_shift(words_BW, _HALF, out=high_BW)
            np.bitwise_xor(words_BW, high_BW, out=words_BW)
            np.einsum("bw,w->b", words_BW, self._weights_W, out=digests_N[start : start + height])
        return digests_N


@cache
def _weights(words: int) -> npt.NDArray[np.uint64]:
    """Odd numbers, drawn once and for all."""
    drawn_W = np.random.default_rng(_SEED).integers(0, 1 << 63, words, np.uint64)
    return 2 * drawn_W + 1
