"""The best items so far of a group of queries, found among scores that are nearly right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from sdml.retrieval.ranking import descending_bits, scores_of_bits

Run = Callable[..., Iterable[Any]]  # map, or that of a pool of threads

_SLICE_SCORES = 2**18  # scores compared at a time
_GROUP = 64  # scores that one of them stands for, in a first bound


class Best:
    """Keeps, for each query, the ``depth`` best items by exact score, ties in gallery order."""

    def __init__(self, query_RK: np.ndarray, depth: int, *, pair_bytes: int) -> None:
        self.query_RK = query_RK
        self._wide_RK = query_RK.astype(np.float64)
        self._depth = depth
        self._pairs = max(1, pair_bytes // (32 * query_RK.shape[1]))
        rows = len(query_RK)
        # Of each item: its query, and a key that rises with falling score and then with its place.
        self._row_P = np.empty(0, dtype=np.int64)
        self._key_P = np.empty(0, dtype=np.uint64)
        self._worst_R = np.full(rows, -np.inf, dtype=np.float32)  # the exact score at the depth
        self._kept = 0

    def add(
        self,
        scores_RB: np.ndarray,
        error: float,
        start: int,
        exact_rows: Callable[[np.ndarray], np.ndarray],
        run: Run,
    ) -> None:
        """Look at the scores of gallery items ``start``…, each wrong by ``error`` at most.

        ``exact_rows`` gives the represented rows of some of the items.
        """
        worst_R = self._worst_R.astype(np.float64)
        items = scores_RB.shape[1]
        if not np.isfinite(worst_R).all() and items > self._depth:
            # The depth-th best of this block alone is already a bound.
            worst_R = np.maximum(worst_R, _least_of_best(scores_RB, self._depth) - error)
        # One rounding more: exact scores are compared as float32.
        least_R1 = (worst_R - error - 2.0**-22).astype(np.float32)[:, None]
        step = max(1, _SLICE_SCORES // items)

        def work(first: int) -> np.ndarray:
            some = slice(first, first + step)
            at_P: np.ndarray = np.flatnonzero(scores_RB[some] >= least_R1[some]) + first * items
            return at_P

        at_P = np.concatenate(list(run(work, range(0, len(scores_RB), step))))
        for first in range(0, len(at_P), self._pairs):
            row_P, place_P = np.divmod(at_P[first : first + self._pairs], items)
            self._take(row_P, place_P, start, exact_rows)
        if len(self._row_P) - self._kept >= max(1, self._kept // 2):
            self._prune()

    def _take(
        self,
        row_P: np.ndarray,
        place_P: np.ndarray,
        start: int,
        exact_rows: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        places_U, number_P = np.unique(place_P, return_inverse=True)
        wide_UK = exact_rows(places_U).astype(np.float64)
        exact_P = np.vecdot(self._wide_RK[row_P], wide_UK[number_P.reshape(-1)])
        key_P = descending_bits(exact_P.astype(np.float32)).astype(np.uint64)
        key_P <<= np.uint64(32)
        key_P |= (place_P + start).astype(np.uint64)
        self._row_P = np.concatenate([self._row_P, row_P])
        self._key_P = np.concatenate([self._key_P, key_P])
        if len(self._row_P) > self._kept + 4 * max(self._pairs, self._kept):
            self._prune()

    def _prune(self) -> None:
        """Forget what is beyond the depth."""
        order_P = np.lexsort((self._key_P, self._row_P))
        row_P, key_P = self._row_P[order_P], self._key_P[order_P]
        starts_R = np.searchsorted(row_P, np.arange(len(self._worst_R)))
        rank_P = np.arange(len(row_P)) - starts_R[row_P]
        last_P = rank_P == self._depth - 1
        self._worst_R[row_P[last_P]] = scores_of_bits(
            (key_P[last_P] >> np.uint64(32)).astype(np.uint32)
        )
        keep_P = rank_P < self._depth
        self._row_P, self._key_P = row_P[keep_P], key_P[keep_P]
        self._kept = len(self._row_P)

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices int64 and scores float32, both (R, depth), best first."""
        self._prune()
        key_RT = self._key_P.reshape(len(self._worst_R), self._depth)
        scores_RT = scores_of_bits((key_RT >> np.uint64(32)).astype(np.uint32))
        return (key_RT & np.uint64(0xFFFFFFFF)).astype(np.int64), scores_RT


def _least_of_best(scores_RB: np.ndarray, depth: int) -> np.ndarray:
    """At most the depth-th best score of each row, and seldom much less.

    The depth-th best of the maxima of groups will do, as each stands for an item of its own.
    """
    group = min(_GROUP, scores_RB.shape[1] // (4 * depth))
    if group > 1:
        whole = scores_RB.shape[1] // group * group
        scores_RB = scores_RB[:, :whole].reshape(len(scores_RB), group, -1).max(axis=1)
    place = scores_RB.shape[1] - depth
    bound_R: np.ndarray = np.partition(scores_RB, place, axis=1)[:, place]
    return bound_R
