"""Exact search over a gallery in several pieces: files, machines, or what fits into memory.

Each piece is searched alone, and its best items are merged. Scores of :func:`search` are inner
products of float64, rounded to float32, whatever piece a code stands in, so the merged result is
that of one search over the pieces one after the other, ties in that order too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sdml.errors import DataError, UserError
from sdml.retrieval.average_precision import BLOCK_BYTES
from sdml.retrieval.search import SearchResult, search
from sdml.retrieval.similarity import Similarity, checked_codes


def search_shards(
    query_QK: np.ndarray,
    shards: Sequence[np.ndarray],
    top_k: int,
    *,
    similarity: Similarity = "cosine",
    projection_KC: np.ndarray | None = None,
    temperature: float | None = None,
    multi_label: tuple[bool, bool] = (False, False),
    block_bytes: int = BLOCK_BYTES,
    threads: int | None = None,
    names: Sequence[str] | None = None,
) -> SearchResult:
    """The ``top_k`` best items of all shards for each query; indices count through the shards.

    Shards are codes (G, K), perhaps memory-mapped; one is read at a time. ``names`` call them in
    errors, by default by number. Raises what ``search`` raises, and DataError for no shard at all.
    """
    if not shards:
        raise DataError("a gallery must have at least one shard; received none: name its codes")
    checked_codes(query_QK, "query")
    found = []
    for number, shard_GK in enumerate(shards):
        try:
            part = search(
                query_QK,
                shard_GK,
                top_k,
                similarity=similarity,
                projection_KC=projection_KC,
                temperature=temperature,
                multi_label=multi_label,
                block_bytes=block_bytes,
                threads=threads,
            )
        except DataError as error:
            name = f"shard {number} (counted from 0)" if names is None else names[number]
            raise DataError(f"{name}: {error}") from error
        found.append(part)
    return merge(found, [len(shard_GK) for shard_GK in shards], top_k)


def merge(found: Sequence[SearchResult], sizes: Sequence[int], top_k: int) -> SearchResult:
    """The best of several shards' results, of the same queries and at least ``top_k`` deep each.

    ``sizes`` are numbers of items of the shards; indices of the result count through them. Raises
    DataError for results that do not belong together, UserError for a depth below 1.
    """
    if top_k < 1:
        raise UserError(f"top_k must be at least 1; received {top_k}")
    for part, size in zip(found, sizes, strict=True):
        depth = part.indices_QT.shape[1]
        if len(part.indices_QT) != len(found[0].indices_QT) or depth < min(top_k, size):
            raise DataError(
                f"every shard must be searched for the same queries and at least {top_k} deep; "
                f"received shapes {[part.indices_QT.shape for part in found]} of shards of "
                f"{list(sizes)} items: search all of them alike"
            )
    starts = np.cumsum([0, *sizes[:-1]])
    scores_QT = np.concatenate([part.scores_QT for part in found], axis=1)
    indices_QT = np.concatenate(
        [part.indices_QT + start for part, start in zip(found, starts, strict=True)], axis=1
    )
    # Stable, and shards stand in the gallery's order: equal scores stay in it.
    order_QT = np.argsort(-scores_QT, axis=1, kind="stable")[:, :top_k]
    return SearchResult(
        indices_QT=np.take_along_axis(indices_QT, order_QT, axis=1),
        scores_QT=np.take_along_axis(scores_QT, order_QT, axis=1),
    )
