"""Curves over a ranking, and what a random ranking would score.

All of them are read off the ranks of the relevant items, so they cost no second sort.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RECALL_STEPS = 10
RECALL_LEVELS: tuple[float, ...] = tuple(step / RECALL_STEPS for step in range(RECALL_STEPS + 1))
SCOPES: tuple[int, ...] = (1, 5, 10, 20, 50, *range(100, 1001, 100))


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Means over the counted queries.

    ``precision_at_recall``: interpolated precision (the best precision at this recall or beyond)
    at each of ``recall_levels``. ``precision_at_scope``: share of relevant items among the first
    K, for each K of ``scopes``, which stops at the size of the gallery.
    """

    recall_levels: tuple[float, ...]
    precision_at_recall: tuple[float, ...]
    scopes: tuple[int, ...]
    precision_at_scope: tuple[float, ...]


def scopes_for(gallery: int) -> tuple[int, ...]:
    """The scopes that a gallery of this size can fill.

    >>> scopes_for(60)
    (1, 5, 10, 20, 50)
    """
    return tuple(scope for scope in SCOPES if scope <= gallery)


def interpolated_precision(
    precision_H: np.ndarray, starts_B: np.ndarray, relevant_B: np.ndarray
) -> np.ndarray:
    """Interpolated precision at each recall level: float64 (B, levels).

    ``precision_H`` holds, query after query, the precision at each relevant rank; query b owns
    ``relevant_B[b]`` entries from ``starts_B[b]``. A query without a relevant item has zeros.
    """
    result = np.zeros((len(starts_B), len(RECALL_LEVELS)))
    some_B = np.flatnonzero(relevant_B)
    if not some_B.size:
        return result
    relevant = relevant_B[some_B, None]
    # Whole numbers: 0.1 * 30 is above 3 in floating point. Level 0 asks for the first hit.
    needed = np.maximum(-(-np.arange(RECALL_STEPS + 1) * relevant // RECALL_STEPS), 1)
    segments = starts_B[some_B, None] + needed - 1
    best_BL = np.maximum.reduceat(precision_H, segments.ravel()).reshape(segments.shape)
    for level in range(RECALL_STEPS, 0, -1):
        np.maximum(best_BL[:, level - 1], best_BL[:, level], out=best_BL[:, level - 1])
    result[some_B] = best_BL
    return result


def expected_average_precision(relevant_Q: np.ndarray, gallery: int) -> np.ndarray:
    """Expected AP over the whole of a random ranking: float64 (Q,).

    With R relevant items out of G and the harmonic number H = 1 + 1/2 + … + 1/G:
    E[AP] = (H + (G - H) (R - 1) / (G - 1)) / G, because rank i is relevant with probability R/G
    and each of the i - 1 ranks before it then with (R - 1)/(G - 1). Zero where R is zero.

    >>> expected_average_precision(np.array([0, 1, 2]), 2).tolist()
    [0.0, 0.75, 1.0]
    """
    harmonic = float(np.sum(1.0 / np.arange(1, gallery + 1)))
    others = (relevant_Q - 1) / max(gallery - 1, 1)
    expected = (harmonic + (gallery - harmonic) * others) / gallery
    return np.where(relevant_Q > 0, expected, 0.0)
