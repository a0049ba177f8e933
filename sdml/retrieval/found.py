"""What the measures need of a ranking: a few sums over the ranks of the relevant items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from sdml.retrieval.curves import interpolated_precision, scopes_for


@dataclass(frozen=True, kw_only=True)
class Found:
    """Where the relevant items were ranked, reduced to what the measures need."""

    relevant_Q: np.ndarray  # relevant items in the gallery
    hits_Q: np.ndarray  # relevant items in the first k ranks
    total_Q: np.ndarray  # sum of the precisions at all relevant ranks
    total_at_k_Q: np.ndarray  # the same within the first k ranks
    recall_QL: np.ndarray  # interpolated precision at the recall levels
    scope_QS: np.ndarray  # relevant items within each scope

    @classmethod
    def joined(cls, parts: Sequence[Found], order_Q: np.ndarray) -> Found:
        """One for all queries; ``order_Q`` says which query each row of the parts belongs to."""
        made = {}
        for field in fields(cls):
            values = np.concatenate([getattr(part, field.name) for part in parts])
            made[field.name] = np.empty_like(values)
            made[field.name][order_Q] = values
        return cls(**made)


def depths_for(gallery: int, top_k: int) -> np.ndarray:
    """The depths at which hits are counted: everything, k, and the scopes; int64, at most G."""
    return np.minimum(np.array([gallery, top_k, *scopes_for(gallery)], dtype=np.int64), gallery)


def found_in(at_H: np.ndarray, shape: tuple[int, int], depths_S: np.ndarray) -> Found:
    """Reduce the rankings of some rows.

    Args:
        at_H: where the relevant items stand, row after row: row * gallery + rank - 1.
        shape: numbers of rows and of gallery items.
        depths_S: those of :func:`depths_for`.
    """
    rows, gallery = shape
    before_R = np.arange(rows) * gallery
    reached_RS = np.searchsorted(at_H, before_R[:, None] + depths_S)
    starts_R = np.concatenate([[0], reached_RS[:-1, 0]])
    hits_RS = reached_RS - starts_R[:, None]
    return found_of(_precision(at_H, before_R, starts_R, hits_RS[:, 0]), hits_RS)


def found_of(precision_H: np.ndarray, hits_RS: np.ndarray) -> Found:
    """The same from the precision at each relevant rank, row after row, and the hits in reach.

    ``precision_H`` is float64; ``hits_RS`` are whole numbers, at the depths of
    :func:`depths_for`.
    """
    starts_R = np.cumsum(hits_RS[:, 0]) - hits_RS[:, 0]
    return Found(
        relevant_Q=hits_RS[:, 0],
        hits_Q=hits_RS[:, 1],
        total_Q=_sums(precision_H, starts_R, hits_RS[:, 0]),
        total_at_k_Q=_first_sums(precision_H, starts_R, hits_RS[:, 1]),
        recall_QL=interpolated_precision(precision_H, starts_R, hits_RS[:, 0]),
        scope_QS=hits_RS[:, 2:],
    )


def _precision(
    at_H: np.ndarray, before_R: np.ndarray, starts_R: np.ndarray, counts_R: np.ndarray
) -> np.ndarray:
    """Precision at each relevant rank: how many are relevant so far, by the rank."""
    rows = len(counts_R)
    if (counts_R == counts_R[0]).all():
        rank_RN = at_H.reshape(rows, -1) - (before_R - 1)[:, None]
        precision_RN: np.ndarray = np.arange(1.0, counts_R[0] + 1) / rank_RN
        return precision_RN.ravel()
    so_far_H = np.arange(1.0, len(at_H) + 1)
    so_far_H -= np.repeat(starts_R, counts_R)
    so_far_H /= at_H - np.repeat(before_R - 1, counts_R)
    return so_far_H


def _sums(values_H: np.ndarray, starts_R: np.ndarray, counts_R: np.ndarray) -> np.ndarray:
    """Sum of each row's share of the values, zero for a row that owns none."""
    sums_R = np.zeros(len(starts_R))
    some_R = np.flatnonzero(counts_R)
    if some_R.size:
        sums_R[some_R] = np.add.reduceat(values_H, starts_R[some_R])
    return sums_R


def _first_sums(values_H: np.ndarray, starts_R: np.ndarray, firsts_R: np.ndarray) -> np.ndarray:
    """Sum of the first few of each row's values."""
    sums_R = np.zeros(len(starts_R))
    some_R = np.flatnonzero(firsts_R)
    if some_R.size:
        # Between the firsts lie the others, whose sums are dropped; the last may be none.
        first_R = starts_R[some_R]
        edges = np.stack([first_R, first_R + firsts_R[some_R]], axis=1).ravel()
        sums_R[some_R] = np.add.reduceat(np.append(values_H, 0.0), edges)[::2]
    return sums_R
