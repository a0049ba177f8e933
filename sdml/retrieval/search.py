"""Exact search: the k most similar gallery items of each query, in bounded memory.

The gallery is read once, block by block, so it may be memory-mapped and larger than memory. Inner
products are taken in float64 and rounded to float32: items with equal codes tie, wherever they
stand, and ties come in gallery order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdml.errors import DataError, UserError
from sdml.retrieval.average_precision import BLOCK_BYTES
from sdml.retrieval.direction import represent
from sdml.retrieval.ranking import descending_bits, scores_of_bits
from sdml.retrieval.similarity import Similarity

_QUERY_ROWS = 256


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchResult:
    """``indices_QT`` int64 into the gallery and ``scores_QT`` float32, best first."""

    indices_QT: np.ndarray
    scores_QT: np.ndarray


def search(
    query_QK: np.ndarray,
    gallery_GK: np.ndarray,
    top_k: int,
    *,
    similarity: Similarity = "cosine",
    projection_KC: np.ndarray | None = None,
    temperature: float | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> SearchResult:
    """The ``top_k`` best gallery items (all of them if the gallery is smaller) for each query.

    Codes are numbers (Q, K) and (G, K). ``block_bytes`` bounds the extra memory next to the
    queries and the result. Raises DataError for codes that are empty, not finite or of different
    widths, UserError for a depth below 1, SubspaceError for ``posterior`` without P.
    """
    if top_k < 1 or block_bytes < 1:
        raise UserError(
            f"top_k and block_bytes must be at least 1; received {top_k} and {block_bytes}"
        )
    if np.ndim(query_QK) != 2 or np.ndim(gallery_GK) != 2 or 0 in np.shape(gallery_GK):
        raise DataError(
            "query and gallery must be matrices (N, K) with at least one row; received shapes "
            f"{np.shape(query_QK)} and {np.shape(gallery_GK)}: pass one row for each item"
        )
    if query_QK.shape[1] != gallery_GK.shape[1]:
        raise DataError(
            f"query and gallery codes must have one width; received {query_QK.shape[1]} and "
            f"{gallery_GK.shape[1]}: embed both with encoders of one subspace"
        )
    if len(gallery_GK) > 2**32:
        raise DataError(
            f"a gallery may hold at most 2^32 items; received {len(gallery_GK)}: divide it"
        )

    def rows(codes_NK: np.ndarray, what: str) -> np.ndarray:
        made = represent(
            codes_NK, similarity, projection_KC=projection_KC, temperature=temperature, what=what
        )
        return made.astype(np.float64)

    wide_QK = rows(query_QK, "query")
    depth = min(top_k, len(gallery_GK))
    best_QT = np.empty((len(wide_QK), 0), dtype=np.uint64)
    # Of each gallery row: its codes three times in float64, and a few words for each query score.
    row_cost = 24 * gallery_GK.shape[1] + 32 * min(_QUERY_ROWS, len(wide_QK))
    step = max(1, block_bytes // row_cost)
    for start in range(0, len(gallery_GK), step):
        wide_BK = rows(gallery_GK[start : start + step], f"gallery from row {start}")
        index_B = np.arange(start, start + len(wide_BK), dtype=np.uint64)
        best_QT = np.concatenate(
            [
                _best(
                    best_QT[row : row + _QUERY_ROWS],
                    wide_QK[row : row + _QUERY_ROWS] @ wide_BK.T,
                    index_B,
                    depth,
                )
                for row in range(0, len(wide_QK), _QUERY_ROWS)
            ]
        )
    best_QT.sort(axis=1)
    return SearchResult(
        indices_QT=(best_QT & np.uint64(0xFFFFFFFF)).astype(np.int64),
        scores_QT=scores_of_bits((best_QT >> np.uint64(32)).astype(np.uint32)),
    )


def _best(
    best_RT: np.ndarray, scores_RB: np.ndarray, index_B: np.ndarray, depth: int
) -> np.ndarray:
    """The ``depth`` smallest keys of those kept so far and those of a gallery block, unsorted."""
    keys_RB = descending_bits(scores_RB.astype(np.float32)).astype(np.uint64)
    keys_RB <<= np.uint64(32)
    keys_RB |= index_B
    keys_RB = np.concatenate([best_RT, keys_RB], axis=1)
    if keys_RB.shape[1] <= depth:
        return keys_RB
    return np.partition(keys_RB, depth - 1, axis=1)[:, :depth]
