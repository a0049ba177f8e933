"""Exact mean average precision, AP@k and curves of one retrieval direction, in bounded memory.

One matrix product per block of queries gives float32 scores; each row is sorted once as keys of
score and relevance (``ranking``), and the ranks of the relevant items, which are all that the
measures need, are read off the sorted keys. Sums and means are float64. The released code ranks
with an unstable argsort of float64 distances; here scores that are equal in float32 tie, and ties
stand in gallery order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from sdml.errors import DataError, UserError
from sdml.retrieval.blocks import rank
from sdml.retrieval.curves import RECALL_LEVELS, Curves, expected_average_precision, scopes_for
from sdml.retrieval.found import Found
from sdml.retrieval.on_device import rank_on
from sdml.retrieval.protocol import Denominator, Protocol
from sdml.retrieval.relevance import checked_labels, relevance_between
from sdml.retrieval.rows import Rows
from sdml.retrieval.similarity import checked_codes

BLOCK_BYTES = 512 * 2**20


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
    threads: int | None = None,
    device: torch.device | str | None = None,
    compiled: bool | None = None,
) -> RetrievalScores:
    """Rank the gallery for each query by inner product, and judge the rankings.

    ``query_QK`` and ``gallery_GK`` are representations (see ``similarity``), labels are class
    numbers (N,) or multi-hot (N, C). ``block_bytes`` bounds the extra memory, but one query at a
    time is always possible. ``threads`` sort (None: as many as torch uses); the matrix product
    uses the threads of the numerical library. With a ``device``, torch computes there.
    ``compiled`` says whether numba, if installed, makes machine code to rank with (None: where
    that pays); the result is the same to the last bit. Raises DataError for codes or labels that
    do not fit together.
    """
    return score_rows(
        Rows(checked_codes(query_QK, "query"), each=True),
        Rows(checked_codes(gallery_GK, "gallery")),
        query_labels,
        gallery_labels,
        protocol,
        block_bytes=block_bytes,
        threads=threads,
        device=device,
        compiled=compiled,
    )


def score_rows(
    query: Rows,
    gallery: Rows,
    query_labels: np.ndarray,
    gallery_labels: np.ndarray,
    protocol: Protocol,
    *,
    block_bytes: int,
    threads: int | None,
    device: torch.device | str | None,
    compiled: bool | None = None,
) -> RetrievalScores:
    """Like :func:`score`, for rows that need not exist all at once."""
    if query.width != gallery.width:
        raise DataError(
            f"query and gallery codes must have one width; received {query.width} and "
            f"{gallery.width}: embed both with encoders of one subspace"
        )
    if threads is None:
        threads = torch.get_num_threads()
    if block_bytes < 1 or threads < 1:
        raise UserError(
            f"block_bytes and threads must be at least 1; received {block_bytes} and {threads}"
        )
    query_labels = checked_labels(query_labels, len(query), "query")
    gallery_labels = checked_labels(gallery_labels, len(gallery), "gallery")
    relevance = relevance_between(query_labels, gallery_labels, protocol.relevance)
    if device is None:
        found = rank(query, gallery, relevance, protocol.top_k, block_bytes, threads, compiled)
    else:
        place = torch.device(device)
        found = rank_on(place, query, gallery, relevance, protocol.top_k, block_bytes)
    return _judge(found, len(gallery), protocol)


def _judge(found: Found, gallery: int, protocol: Protocol) -> RetrievalScores:
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
