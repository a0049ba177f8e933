"""Approximate search: an HNSW index over codes, by faiss, and how much of the exact it finds."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from sdml.errors import MissingExtraError
from sdml.retrieval import SearchResult, cosine_representation
from sdml.retrieval import search as search_exactly

Index = Literal["hnsw"]
INDEXES: tuple[Index, ...] = get_args(Index)

LINKS = 32
BUILD_BREADTH = 80
SEARCH_BREADTH = 128


class Hnsw:
    """A navigable graph over the codes of a gallery.

    Args:
        gallery_GK: codes; they are scaled to unit length and copied.

    Raises:
        MissingExtraError: faiss is not installed.
        DataError: the codes are not a finite, non-empty matrix.
    """

    def __init__(self, gallery_GK: np.ndarray) -> None:
        try:
            import faiss
        except ImportError as error:
            raise MissingExtraError("an index", "index") from error
        self._gallery_GK = cosine_representation(gallery_GK, "gallery")
        self._graph = faiss.IndexHNSWFlat(gallery_GK.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
        self._graph.hnsw.efConstruction = BUILD_BREADTH
        self._graph.add(self._gallery_GK)

    def search(self, query_QK: np.ndarray, top: int) -> SearchResult:
        """About the ``top`` best items for each query, scored and ordered as by exact search."""
        depth = min(top, len(self._gallery_GK))
        self._graph.hnsw.efSearch = max(SEARCH_BREADTH, 2 * depth)
        unit_QK = cosine_representation(query_QK, "query")
        indices_QT = np.empty((len(unit_QK), depth), dtype=np.int64)
        scores_QT = np.empty((len(unit_QK), depth), dtype=np.float32)
        for row, near_T in enumerate(self._graph.search(unit_QK, depth)[1]):
            # A graph that leaves items unreached gives -1 for some: fill up with the first others.
            near = np.unique(near_T[near_T >= 0])
            if len(near) < depth:
                others = np.setdiff1d(np.arange(2 * depth), near)
                others = others[others < len(self._gallery_GK)]
                near = np.sort(np.concatenate([near, others[: depth - len(near)]]))
            found = search_exactly(unit_QK[row : row + 1], self._gallery_GK[near], depth)
            indices_QT[row] = near[found.indices_QT[0]]
            scores_QT[row] = found.scores_QT[0]
        return SearchResult(indices_QT=indices_QT, scores_QT=scores_QT)


def recall(found: SearchResult, exact: SearchResult) -> float:
    """Mean share of the exact hits that were found.

    >>> made = [
    ...     SearchResult(indices_QT=np.array([hits]), scores_QT=np.zeros((1, 2), np.float32))
    ...     for hits in ([1, 2], [2, 5])
    ... ]
    >>> recall(*made)
    0.5
    """
    shares = [
        np.isin(exact_T, found_T).mean()
        for found_T, exact_T in zip(found.indices_QT, exact.indices_QT, strict=True)
    ]
    return float(np.mean(shares))
