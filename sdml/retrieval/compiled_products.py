"""Inner products of rows with a few queries, and the rows' squares, in one pass over the rows.

Numpy needs a pass for each, and a third to widen float16. Here a row is read from memory once, by
machine code that numba makes where that is installed, so a search of few queries takes about as
long as reading the gallery. numba knows no float16 on the processor: its bits are widened by whole
number operations. Sums are of float32 in an order that suits vector registers, and as nearly
right as those of numpy; ``search`` allows for the difference and takes exact products of the best.

The mapped file is read as it is: asking the system for its pages beforehand, or copying them to a
buffer in the cache, was measured to be no faster. A float32 row is asked of the processor well
before its turn, which is faster by a tenth; float16 is widened for longer than it is read. Nothing
is cached on disk. One search seldom repays the compilation, but a process that searches often
does: it is compiled once what has been searched would have repaid it.
"""

from __future__ import annotations

import importlib.util
from functools import cache

import numpy as np

from sdml.retrieval.compiled import Kernel
from sdml.retrieval.prefetch import prefetch_row, teach_numba

MOST_QUERIES = 8  # for more a matrix product gains
WORTHWHILE = 8 * 10**9  # products that take longer without it than import and compilation
TASK_ROWS = 2**13  # that one call goes through: enough to outweigh it
_AHEAD = 64  # rows: time enough for memory to answer

_searched = 0  # products that a kernel makes, or could have made, without a wish for one


def products_kernel_for(
    gallery_GK: np.ndarray, queries: int, compiled: bool | None
) -> Kernel | None:
    """The kernel for these rows, or None where there is none or it must not be used.

    Without a wish in ``compiled`` it is used where it pays, for this search of ``queries`` and
    those before it in this process.
    """
    global _searched
    if not _suited(np.asarray(gallery_GK)) or queries > MOST_QUERIES or compiled is False:
        return None
    if compiled is None:
        _searched += queries * gallery_GK.size
        if _searched < WORTHWHILE:
            return None
    return products_kernel(gallery_GK.dtype.name)


def _suited(gallery_GK: np.ndarray) -> bool:
    if not (gallery_GK.flags.c_contiguous and gallery_GK.flags.aligned):
        return False
    if gallery_GK.dtype == np.float16:
        # Some programs have the processor take numbers below float32's normal ones for 0.
        return bool(np.float32(2.0**-140) * np.float32(2.0**112) > 0)
    return gallery_GK.dtype == np.float32


@cache
def products_kernel(name: str) -> Kernel | None:
    """The compiled function for float32 or float16; None without numba. Takes about a second."""
    if importlib.util.find_spec("numba") is None:
        return None
    import numba

    teach_numba()

    def read(number: numba.types.Type) -> numba.types.Type:
        return numba.types.Array(number, 2, "C", readonly=True)

    wide = numba.float32
    codes = wide if name == "float32" else numba.uint16
    signature = (read(codes), read(wide), numba.intp, wide[::1], wide[:, ::1])
    # Sums in any order, so that they are vectorised; NaN and infinity are kept.
    made: Kernel = numba.njit(
        [signature], nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"}
    )(multiply_rows if name == "float32" else multiply_half_rows)
    return made


def multiply_rows(
    codes_BK: np.ndarray,
    query_RK: np.ndarray,
    first: int,
    squares_B: np.ndarray,
    scores_RB: np.ndarray,
) -> None:
    """Write squares and scores of ``TASK_ROWS`` rows from ``first`` on; all are float32."""
    queries, width = query_RK.shape
    for row in range(first, min(first + TASK_ROWS, len(codes_BK))):
        prefetch_row(codes_BK, min(row + _AHEAD, len(codes_BK) - 1))
        square = np.float32(0)
        score = np.float32(0)
        for column in range(width):
            value = codes_BK[row, column]
            square += value * value
            score += value * query_RK[0, column]
        squares_B[row] = square
        scores_RB[0, row] = score
        for query in range(1, queries):
            score = np.float32(0)
            for column in range(width):
                score += codes_BK[row, column] * query_RK[query, column]
            scores_RB[query, row] = score


def multiply_half_rows(
    codes_BK: np.ndarray,
    query_RK: np.ndarray,
    first: int,
    squares_B: np.ndarray,
    scores_RB: np.ndarray,
) -> None:
    """The same for the bits of float16, as uint16; the square of what is not finite is infinite."""
    queries, width = query_RK.shape
    several = queries > 1
    wide_K = np.empty(width, dtype=np.float32)
    for row in range(first, min(first + TASK_ROWS, len(codes_BK))):
        square = np.float32(0)
        score = np.float32(0)
        for column in range(width):
            bits = np.uint32(codes_BK[row, column])
            # Exponent and fraction where float32 has them: 2^112 times too small, else exact.
            size = (bits & np.uint32(0x7FFF)) << np.uint32(13)
            sign = (bits & np.uint32(0x8000)) << np.uint32(16)
            value = np.uint32(size | sign).view(np.float32) * np.float32(2.0**112)
            square += value * value
            score += value * query_RK[0, column]
            if several:
                wide_K[column] = value
        # NaN and infinity were widened to 2^16 and more, so no sum that holds one is smaller.
        squares_B[row] = square if square < np.float32(2.0**32) else np.float32(np.inf)
        scores_RB[0, row] = score
        for query in range(1, queries):
            score = np.float32(0)
            for column in range(width):
                score += wide_K[column] * query_RK[query, column]
            scores_RB[query, row] = score
