"""The released code's way to evaluate, restated in plain words of numpy and scipy.

A double-precision cosine distance matrix, one argsort of each row, and then for each query a walk
down the ranking: in Python for single labels, with a cumulative sum for several. Restated from a
description of the published functions. Two defects are left out: the multi-label function uses
the number of queries as the depth of "all", and the single-label one fails on short galleries.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist


def single_label(
    query_QK: np.ndarray,
    gallery_GK: np.ndarray,
    query_Q: np.ndarray,
    gallery_G: np.ndarray,
    depths: tuple[int, ...],
) -> list[list[float]]:
    """AP of each query at each depth (0 is all); a query without a hit scores zero."""
    order_QG = cdist(query_QK, gallery_GK, "cosine").argsort()
    results = []
    for depth in depths:
        last = min(depth, len(gallery_GK)) or len(gallery_GK)
        scores = []
        for query in range(len(query_QK)):
            order_G = order_QG[query]
            total, hits = 0.0, 0.0
            for rank in range(last):
                if query_Q[query] == gallery_G[order_G[rank]]:
                    hits += 1
                    total += hits / (rank + 1)
            scores.append(total / hits if hits > 0 else 0.0)
        results.append(scores)
    return results


def multi_label(
    query_QK: np.ndarray,
    gallery_GK: np.ndarray,
    query_QC: np.ndarray,
    gallery_GC: np.ndarray,
    depths: tuple[int, ...],
) -> list[list[float]]:
    """AP of each query that has a hit at each depth (0 is all); other queries are left out."""
    order_QG = cdist(query_QK, gallery_GK, "cosine").argsort()
    results = []
    for depth in depths:
        last = min(depth, len(gallery_GK)) or len(gallery_GK)
        scores = []
        for query in range(len(query_QK)):
            labels_GC = gallery_GC[order_QG[query][:last]]
            relevant_G = np.dot(labels_GC, query_QC[query]) > 0
            hits = float(relevant_G.sum())
            if hits > 0:
                precision_G = relevant_G.cumsum() / np.arange(1.0, last + 1.0)
                scores.append(float(np.dot(relevant_G, precision_G)) / hits)
        results.append(scores)
    return results
