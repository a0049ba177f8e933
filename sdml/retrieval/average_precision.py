"""Exact mean average precision, AP@k and curves of one retrieval direction, in bounded memory.

One matrix product per block of queries gives float32 scores; each row is sorted once as keys of
score and relevance (``ranking``), and the ranks of the relevant items, which are all that the
measures need, are read off the sorted keys. Sums and means are float64. The released code ranks
with an unstable argsort of float64 distances; here scores that are equal in float32 tie, and ties
stand in gallery order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from sdml.errors import DataError, UserError
from sdml.retrieval.curves import (
    RECALL_LEVELS,
    Curves,
    expected_average_precision,
    interpolated_precision,
    scopes_for,
)
from sdml.retrieval.protocol import Denominator, Protocol
from sdml.retrieval.ranking import distinct_rows, ranked_relevance, within_unit_norm
from sdml.retrieval.relevance import Relevance, checked_labels, relevance_between
from sdml.retrieval.similarity import checked_codes

BLOCK_BYTES = 256 * 2**20
THREADS = 2
_CHUNK_BYTES = 2**20  # keys of one sort: about one core's share of the cache
_CHUNK_COST = 64  # bytes that a chunk may hold for each of its scores
_BLOCK_ROWS = 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class RetrievalScores:
    """What one direction scores.

    ``map`` and ``map_at_k`` are means over the queries marked in ``counted_Q`` and
    ``counted_at_k_Q`` (all of them unless the protocol skips empty ones; a mean over none is 0).
    ``chance`` is the expected ``map`` of a random ranking. ``empty`` counts the queries without
    a relevant item in the gallery. ``ap_Q``, ``ap_at_k_Q``: float64 (Q,).
    """

    map: float
    map_at_k: float
    k: int
    chance: float
    queries: int
    gallery: int
    empty: int
    curves: Curves
    ap_Q: np.ndarray
    ap_at_k_Q: np.ndarray
    relevant_Q: np.ndarray
    counted_Q: np.ndarray
    counted_at_k_Q: np.ndarray


def score(
    query_QK: np.ndarray,
    gallery_GK: np.ndarray,
    query_labels: np.ndarray,
    gallery_labels: np.ndarray,
    protocol: Protocol,
    *,
    block_bytes: int = BLOCK_BYTES,
    threads: int = THREADS,
) -> RetrievalScores:
    """Rank the gallery for each query by inner product, and judge the rankings.

    ``query_QK`` and ``gallery_GK`` are representations (see ``similarity``), labels are class
    numbers (N,) or multi-hot (N, C). ``block_bytes`` bounds the extra memory, but one query at a
    time is always possible. ``threads`` sort; the matrix product uses the threads of the
    numerical library. Raises DataError for codes or labels that do not fit together.
    """
    query_QK = checked_codes(query_QK, "query")
    gallery_GK = checked_codes(gallery_GK, "gallery")
    if query_QK.shape[1] != gallery_GK.shape[1]:
        raise DataError(
            f"query and gallery codes must have one width; received {query_QK.shape[1]} and "
            f"{gallery_GK.shape[1]}: embed both with encoders of one subspace"
        )
    if block_bytes < 1 or threads < 1:
        raise UserError(
            f"block_bytes and threads must be at least 1; received {block_bytes} and {threads}"
        )
    query_labels = checked_labels(query_labels, len(query_QK), "query")
    gallery_labels = checked_labels(gallery_labels, len(gallery_GK), "gallery")
    relevance = relevance_between(query_labels, gallery_labels, protocol.relevance)
    found = _rank(query_QK, gallery_GK, relevance, protocol.top_k, block_bytes, threads)
    return _judge(found, len(gallery_GK), protocol)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """Where the relevant items were ranked, reduced to what the measures need."""

    relevant_Q: np.ndarray  # relevant items in the gallery
    hits_Q: np.ndarray  # relevant items in the first k ranks
    total_Q: np.ndarray  # sum of the precisions at all relevant ranks
    total_at_k_Q: np.ndarray  # the same within the first k ranks
    recall_QL: np.ndarray  # interpolated precision at the recall levels
    scope_QS: np.ndarray  # relevant items within each scope


def _rank(
    query_QK: np.ndarray,
    gallery_GK: np.ndarray,
    relevance: Relevance,
    top_k: int,
    block_bytes: int,
    threads: int,
) -> _Found:
    queries, gallery = len(query_QK), len(gallery_GK)
    query_QK = within_unit_norm(np.asarray(query_QK, dtype=np.float32))
    distinct_UK, number_G = distinct_rows(
        within_unit_norm(np.asarray(gallery_GK, dtype=np.float32))
    )
    threads = max(1, min(threads, block_bytes // (2 * gallery * _CHUNK_COST)))
    chunk = max(1, min(_CHUNK_BYTES // 8, block_bytes // (2 * threads * _CHUNK_COST)) // gallery)
    spare = block_bytes - threads * chunk * gallery * _CHUNK_COST
    block = max(1, min(_BLOCK_ROWS, queries, spare // (4 * gallery)))
    chunk = min(chunk, -(-block // threads))
    scores_BU = np.empty((block, len(distinct_UK)), dtype=np.float32)
    parts: list[_Found] = []

    def work(first: int, row: int) -> _Found:
        last = min(first + chunk, block, queries - row)
        scores_RG = scores_BU[first:last]
        if number_G is not None:
            scores_RG = np.take(scores_RG, number_G, axis=1)
        relevant_RG = relevance.rows(row + first, row + last)
        return _rank_chunk(scores_RG, relevant_RG, top_k)

    with ThreadPoolExecutor(threads) as pool:
        run: Callable[..., Iterable[_Found]] = pool.map if threads > 1 else map
        for row in range(0, queries, block):
            rows = min(block, queries - row)
            np.matmul(query_QK[row : row + rows], distinct_UK.T, out=scores_BU[:rows])
            firsts = range(0, rows, chunk)
            parts.extend(run(work, firsts, [row] * len(firsts)))
    return _Found(
        **{name: np.concatenate([getattr(p, name) for p in parts]) for name in vars(parts[0])}
    )


def _rank_chunk(scores_RG: np.ndarray, relevant_RG: np.ndarray, top_k: int) -> _Found:
    rows, gallery = scores_RG.shape
    # One position for each relevant item, row after row: row * gallery + rank - 1.
    at_H = np.flatnonzero(ranked_relevance(scores_RG, relevant_RG))
    relevant_R = np.count_nonzero(relevant_RG, axis=1)
    starts_R = np.cumsum(relevant_R) - relevant_R
    before_R = np.arange(rows) * gallery
    rank_H = at_H - np.repeat(before_R, relevant_R) + 1
    precision_H = (np.arange(1, len(at_H) + 1) - np.repeat(starts_R, relevant_R)) / rank_H
    depths_S = np.array([top_k, *scopes_for(gallery)])
    reached_RS = np.searchsorted(at_H, before_R[:, None] + np.minimum(depths_S, gallery))
    hits_RS = reached_RS - starts_R[:, None]
    return _Found(
        relevant_Q=relevant_R,
        hits_Q=hits_RS[:, 0],
        total_Q=_sums(precision_H, starts_R, relevant_R),
        total_at_k_Q=_sums(np.where(rank_H <= top_k, precision_H, 0.0), starts_R, relevant_R),
        recall_QL=interpolated_precision(precision_H, starts_R, relevant_R),
        scope_QS=hits_RS[:, 1:],
    )


def _sums(values_H: np.ndarray, starts_R: np.ndarray, counts_R: np.ndarray) -> np.ndarray:
    """Sum of each row's share of the values, zero for a row that owns none."""
    sums_R = np.zeros(len(starts_R))
    some_R = np.flatnonzero(counts_R)
    if some_R.size:
        sums_R[some_R] = np.add.reduceat(values_H, starts_R[some_R])
    return sums_R


def _judge(found: _Found, gallery: int, protocol: Protocol) -> RetrievalScores:
    depth = min(protocol.top_k, gallery)
    relevant_Q = found.relevant_Q
    below: dict[Denominator, np.ndarray] = {
        "hits": found.hits_Q,
        "min": np.minimum(relevant_Q, depth),
        "relevant": relevant_Q,
    }
    below_Q = below[protocol.denominator]
    ap_Q = found.total_Q / np.maximum(relevant_Q, 1)
    ap_at_k_Q = found.total_at_k_Q / np.maximum(below_Q, 1)
    every_Q = np.ones(len(ap_Q), dtype=bool)
    skip = protocol.empty_query == "skip"
    counted_Q = relevant_Q > 0 if skip else every_Q
    counted_at_k_Q = below_Q > 0 if skip else every_Q
    scopes = scopes_for(gallery)
    scope_S = _mean(found.scope_QS, counted_Q) / np.array(scopes)
    return RetrievalScores(
        map=float(_mean(ap_Q, counted_Q)),
        map_at_k=float(_mean(ap_at_k_Q, counted_at_k_Q)),
        k=protocol.top_k,
        chance=float(_mean(expected_average_precision(relevant_Q, gallery), counted_Q)),
        queries=len(ap_Q),
        gallery=gallery,
        empty=int(np.count_nonzero(relevant_Q == 0)),
        curves=Curves(
            recall_levels=RECALL_LEVELS,
            precision_at_recall=tuple(_mean(found.recall_QL, counted_Q).tolist()),
            scopes=scopes,
            precision_at_scope=tuple(scope_S.tolist()),
        ),
        ap_Q=ap_Q,
        ap_at_k_Q=ap_at_k_Q,
        relevant_Q=relevant_Q,
        counted_Q=counted_Q,
        counted_at_k_Q=counted_at_k_Q,
    )


def _mean(values: np.ndarray, counted_Q: np.ndarray) -> np.ndarray:
    """Mean over the counted queries; zero if none is counted."""
    chosen = values[counted_Q]
    result: np.ndarray = chosen.sum(axis=0) / max(len(chosen), 1)
    return result
