"""A few thousand rows of a gallery, scored in float32 within a known error."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from sdml.retrieval.best import Run
from sdml.retrieval.compiled import Kernel
from sdml.retrieval.compiled_products import TASK_ROWS
from sdml.retrieval.similarity import Similarity

_SLICE_ROWS = 512  # rows that stay in a core's cache between two uses
FEW_QUERIES = 4  # for which a product for each row costs less than packing the rows
_ROUNDING = 2.0**-24
_ALMOST_UNIT = 1e-5
_SAFE_SQUARES = (1e-30, 1e30)  # of rows whose float32 squares neither vanish nor overflow


class Block:
    """Rows ``start``… of a gallery of any number type.

    ``represented`` makes of codes, and of a name for them, the rows whose inner product is the
    similarity. For the cosine of float32 and float16 codes it is asked only for the few rows that
    ``exact_rows`` must give: the lengths of the others are divided out of their scores.
    ``room_BK`` is float32 memory for such codes if they must be widened; a few queries do without.
    ``squares_B`` are their :func:`squared_lengths`, if they have been measured before. ``kernel``
    measures them itself: it is that of :func:`products_kernel_for`, for few queries. Where it will
    not do, ``few_rows`` are represented at a time.
    """

    def __init__(
        self,
        codes_BK: np.ndarray,
        start: int,
        represented: Callable[[np.ndarray, str], np.ndarray],
        similarity: Similarity,
        room_BK: np.ndarray | None = None,
        squares_B: np.ndarray | None = None,
        kernel: Kernel | None = None,
        few_rows: int = TASK_ROWS,
    ) -> None:
        self._codes_BK = codes_BK
        self._start = start
        self._what = f"gallery from row {start}"
        self._represented = represented
        self._measurable = similarity == "cosine" and codes_BK.dtype in (np.float32, np.float16)
        self._rows_BK = codes_BK if codes_BK.dtype == np.float32 else None
        self._room_BK = room_BK
        self._squares_B = squares_B
        self._kernel = kernel
        self._few_rows = few_rows
        self._whole_BK: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._codes_BK)

    def exact_rows(self, places: np.ndarray) -> np.ndarray:
        """Represented rows, float32."""
        if self._whole_BK is not None:
            made: np.ndarray = self._whole_BK[places]
            return made
        return self._represented(self._codes_BK[places], self._what)

    def score(self, query_RK: np.ndarray, scores_RB: np.ndarray, run: Run) -> float:
        """Fill in the scores, and return the most by which one of them may be wrong.

        Raises DataError for codes that are not finite.
        """
        if self._measurable:
            if self._kernel is None:
                self._multiply(query_RK, scores_RB, run)
            else:
                self._multiply_compiled(self._kernel, query_RK, scores_RB, run)
            scale_B, error = self._scale()
            if scale_B is not None:
                scores_RB *= scale_B
        if not self._measurable:
            if self._whole_BK is None:
                self._whole_BK = self._represented(self._codes_BK, self._what)
            np.matmul(query_RK, self._whole_BK.T, out=scores_RB)
            error = 0.0
        # A sum of K products is wrong by at most K roundings of |q||g|; the length of the row
        # and the division by it, by half as many and a few.
        return float(error + (2 * query_RK.shape[1] + 16) * _ROUNDING)

    def _multiply(self, query_RK: np.ndarray, scores_RB: np.ndarray, run: Run) -> None:
        """The inner products, and once the rows' squares."""
        few = len(query_RK) <= FEW_QUERIES
        measured = self._squares_B is not None
        squares_B = np.empty(len(self), np.float32) if self._squares_B is None else self._squares_B
        made_BK = self._rows_BK
        # torch widens float16 with vector instructions, ten times as fast as numpy
        half_BK = None if made_BK is not None else _tensor(self._codes_BK)
        if made_BK is None and not few:
            shape = self._codes_BK.shape
            made_BK = np.empty(shape, np.float32) if self._room_BK is None else self._room_BK
            made_BK = made_BK[: len(self)]

        def work(first: int) -> None:
            some = slice(first, first + _SLICE_ROWS)
            if made_BK is None:
                assert half_BK is not None
                rows_SK = half_BK[some].float().numpy()
            else:
                rows_SK = made_BK[some]
                if half_BK is not None:
                    torch.from_numpy(rows_SK).copy_(half_BK[some])
            if not measured:
                _square(rows_SK, squares_B[some])
            if few:
                for row, query_K in enumerate(query_RK):
                    np.vecdot(rows_SK, query_K, out=scores_RB[row, some])

        if few or not measured or half_BK is not None:
            list(run(work, range(0, len(self), _SLICE_ROWS)))
        if not few:
            assert made_BK is not None
            np.matmul(query_RK, made_BK.T, out=scores_RB)
        self._rows_BK, self._squares_B = made_BK, squares_B

    def _multiply_compiled(
        self, kernel: Kernel, query_RK: np.ndarray, scores_RB: np.ndarray, run: Run
    ) -> None:
        """The same in one pass over the rows; exact where a square is not safe."""
        codes_BK = self._codes_BK
        if codes_BK.dtype == np.float16:
            codes_BK = codes_BK.view(np.uint16)
        squares_B = np.empty(len(self), np.float32)

        def work(first: int) -> None:
            kernel(codes_BK, query_RK, first, squares_B, scores_RB)

        list(run(work, range(0, len(self), TASK_ROWS)))
        if not _safe(squares_B):
            for first in range(0, len(self), self._few_rows):
                some = slice(first, first + self._few_rows)
                if not _safe(squares_B[some]):
                    what = f"gallery from row {self._start + first}"
                    rows_SK = self._represented(self._codes_BK[some], what)
                    scores_RB[:, some] = np.matmul(query_RK, rows_SK.T)
                    squares_B[some] = 1
        self._squares_B = squares_B

    def _scale(self) -> tuple[np.ndarray | None, float]:
        """What scores must be multiplied with; or nothing, and the error that makes."""
        assert self._squares_B is not None
        squares_B = self._squares_B
        if not _safe(squares_B):
            self._measurable = False  # too short, too long or not finite: only float64 will do
            return None, 0.0
        ends = float(squares_B.min()), float(squares_B.max())
        off = max(abs(1 / math.sqrt(square) - 1) for square in ends)
        return (None, 1.01 * off) if off < _ALMOST_UNIT else (1 / np.sqrt(squares_B), 0.0)


def _safe(squares_B: np.ndarray) -> bool:
    return bool(squares_B.min() > _SAFE_SQUARES[0] and squares_B.max() < _SAFE_SQUARES[1])


def squared_lengths(codes_GK: np.ndarray) -> np.ndarray:
    """Of each row of a gallery (G, K), memory-mapped or not: float32 (G,)."""
    squares_G = np.empty(len(codes_GK), dtype=np.float32)
    for first in range(0, len(codes_GK), _SLICE_ROWS):
        rows_SK = np.asarray(codes_GK[first : first + _SLICE_ROWS], dtype=np.float32)
        _square(rows_SK, squares_G[first : first + _SLICE_ROWS])
    return squares_G


def _square(rows_SK: np.ndarray, squares_S: np.ndarray) -> None:
    """Put the rows' squared lengths there; those too large are infinite, and seen to later."""
    with np.errstate(over="ignore", invalid="ignore"):
        np.vecdot(rows_SK, rows_SK, out=squares_S)


def _tensor(codes_BK: np.ndarray) -> torch.Tensor:
    """The same memory, but for an order of the bytes that torch cannot describe."""
    if any(stride < 0 or stride % codes_BK.itemsize for stride in codes_BK.strides):
        codes_BK = np.ascontiguousarray(codes_BK)
    return torch.from_numpy(np.asarray(_Lent(codes_BK)))


class _Lent:
    """Memory that torch may look at, though it must not be written: torch warns of such."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values  # keeps the memory alive
        self.__array_interface__ = {
            **values.__array_interface__,
            "data": (values.__array_interface__["data"][0], False),
        }
