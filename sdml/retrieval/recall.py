"""Recall at K and the median rank: how soon the first relevant item comes.

The measures of the image-and-text literature, where a query has one relevant item: R@K is the share
of queries with a relevant item among the first K, the median rank that of the first relevant item,
counted from 1. Here relevant means what it means for average precision (``relevance``), so with
class labels R@K asks for *any* item of the class, and is easier than with pairs. Give both sides of
a pair a number of their own as label, and it is the measure of pairs.

Ranks need no sort: that of the first relevant item is one more than the number of items that score
above the best relevant one, or score the same and stand before it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sdml.retrieval.average_precision import BLOCK_BYTES
from sdml.retrieval.direction import rows_of
from sdml.retrieval.protocol import Protocol
from sdml.retrieval.relevance import checked_labels, relevance_between, several_labels
from sdml.retrieval.rows import Rows, repeated_rows
from sdml.retrieval.sampled import QuerySample
from sdml.retrieval.similarity import Similarity

DEPTHS = (1, 5, 10)

_CELL = 16  # bytes that a score needs on the way: itself, its relevance, two comparisons


@dataclass(frozen=True, kw_only=True)
class RecallResult:
    """One direction under one similarity.

    ``recall`` is R@K for each of ``DEPTHS``. A query without a relevant item counts as one that
    never finds it, or is left out, as the protocol's ``empty_query`` says; if so many never find
    one, the median rank is infinite. Without a query at all both are 0.
    """

    query: str
    gallery: str
    similarity: Similarity
    recall: tuple[float, ...]
    median_rank: float


def recall_between(
    modalities: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    protocol: Protocol,
    similarities: Sequence[Similarity],
    projection_KC: np.ndarray | None = None,
    temperature: float | None = None,
    multi_label: Mapping[str, bool] | None = None,
    sample: QuerySample | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> tuple[RecallResult, ...]:
    """Every ordered pair of modalities under every similarity, as ``evaluate`` takes them.

    With a ``sample``, its queries against the whole galleries. ``multi_label`` says which
    modalities have several labels an item, where the labels here, of pairs, do not.

    Raises DataError and SubspaceError as ``evaluate`` does.
    """
    results = []
    if multi_label is None:
        multi_label = {name: several_labels(labels) for name, (_, labels) in modalities.items()}
    asked = dict(modalities)
    if sample is not None:
        for name, (codes, labels) in modalities.items():
            places = sample.places(name, len(codes))
            asked[name] = codes[places], labels[places]
    for similarity in similarities:

        def represented(
            side: Mapping[str, tuple[np.ndarray, np.ndarray]], as_what: Similarity = similarity
        ) -> dict[str, Rows]:
            return {
                name: rows_of(
                    codes,
                    as_what,
                    projection_KC=projection_KC,
                    temperature=temperature,
                    multi_label=multi_label[name],
                    what=name,
                    most_bytes=block_bytes // len(modalities),
                )
                for name, (codes, _) in side.items()
            }

        galleries = represented(modalities)
        queries = galleries if sample is None else represented(asked)
        for query, gallery in itertools.permutations(modalities, 2):
            ranks_Q = first_ranks(
                queries[query],
                galleries[gallery],
                asked[query][1],
                modalities[gallery][1],
                protocol,
                block_bytes=block_bytes,
            )
            if protocol.empty_query == "skip":
                ranks_Q = ranks_Q[np.isfinite(ranks_Q)]
            some = len(ranks_Q) > 0
            results.append(
                RecallResult(
                    query=query,
                    gallery=gallery,
                    similarity=similarity,
                    recall=tuple(float(np.mean(ranks_Q <= k)) if some else 0.0 for k in DEPTHS),
                    median_rank=float(np.median(ranks_Q)) if some else 0.0,
                )
            )
    return tuple(results)


def first_ranks(
    query: Rows,
    gallery: Rows,
    query_labels: np.ndarray,
    gallery_labels: np.ndarray,
    protocol: Protocol,
    *,
    block_bytes: int = BLOCK_BYTES,
) -> np.ndarray:
    """The rank, from 1, of each query's first relevant item: float64 (Q,), infinite if it has none.

    Scores and ties are those of average precision.
    """
    relevance = relevance_between(
        checked_labels(query_labels, len(query), "query"),
        checked_labels(gallery_labels, len(gallery), "gallery"),
        protocol.relevance,
    )
    repeated = repeated_rows(gallery)
    ranks_Q = np.full(len(query), np.inf)
    order_Q = relevance.grouped()
    items = len(gallery)
    place_G = np.arange(items)
    step = max(1, block_bytes // (_CELL * items))
    for start in range(0, len(query), step):
        some_B = order_Q[start : start + step]
        query_BK = query.some(some_B)
        scores_BG = np.empty((len(some_B), items), dtype=np.float32)
        for place, rows_TK in gallery.tiles():
            np.matmul(query_BK, rows_TK.T, out=scores_BG[:, place])
        if repeated is not None:
            scores_BG[:, repeated[0]] = scores_BG[:, repeated[1]]
        relevant_BG = relevance.rows(some_B).astype(bool)
        best_B1 = np.where(relevant_BG, scores_BG, -np.inf).max(axis=1, keepdims=True)
        equal_BG = scores_BG == best_B1
        first_B1 = np.argmax(equal_BG & relevant_BG, axis=1)[:, None]
        before_B = np.count_nonzero(scores_BG > best_B1, axis=1)
        before_B += np.count_nonzero(equal_BG & (place_G < first_B1), axis=1)
        ranks_Q[some_B] = np.where(relevant_BG.any(axis=1), before_B + 1, np.inf)
    return ranks_Q
