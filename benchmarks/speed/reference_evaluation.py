"""The released code's way to evaluate, restated in plain words of numpy and scipy.

A double-precision cosine distance matrix, one argsort of each row, and then for each query a walk
down the ranking: in Python for single labels, with a cumulative sum for several. Restated from a
description of the published functions. The single-label function serves all depths from one sort;
the multi-label one is called for each depth, and makes the distances and their sort each time.
Two defects are left out: the latter uses the number of queries as the depth of "all", and the
former fails on short galleries.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from sdml.retrieval.curves import RECALL_STEPS, scopes_for


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
    results = []
    for depth in depths:
        order_QG = cdist(query_QK, gallery_GK, "cosine").argsort()
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


def plain_numpy(
    query_QK: np.ndarray,
    gallery_GK: np.ndarray,
    query_labels: np.ndarray,
    gallery_labels: np.ndarray,
    depth: int,
    rows: int = 16,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """AP over the whole ranking and within a depth, and curves, as one would write it with numpy.

    Not the released code: a float32 product of unit codes, an argsort and cumulative sums, for a
    few queries at a time so that the arrays stay in the cache. A query without a hit scores zero.
    Of each query, as sdml's curves have it: interpolated precision at the levels of recall, and
    precision at the scopes.
    """
    scopes_S = np.array(scopes_for(len(gallery_GK)))
    levels_L = np.arange(RECALL_STEPS + 1)
    query_QK, gallery_GK = (
        codes_NK / np.linalg.norm(codes_NK, axis=1, keepdims=True)
        for codes_NK in (query_QK, gallery_GK)
    )
    ranks_G = np.arange(1, len(gallery_GK) + 1)
    scores_QG = query_QK @ gallery_GK.T
    if query_labels.ndim == 2:
        query_labels, gallery_labels = (
            labels.astype(np.float32) for labels in (query_labels, gallery_labels)
        )
    results = []
    for start in range(0, len(query_QK), rows):
        some = slice(start, start + rows)
        order_RG = np.argsort(-scores_QG[some], axis=1)
        if query_labels.ndim == 2:
            relevant_RG = query_labels[some] @ gallery_labels.T > 0
        else:
            relevant_RG = query_labels[some, None] == gallery_labels
        ranked_RG = np.take_along_axis(relevant_RG, order_RG, axis=1)
        hits_RG = np.cumsum(ranked_RG, axis=1)
        precision_RG = np.where(ranked_RG, hits_RG / ranks_G, 0.0)
        last = min(depth, len(gallery_GK)) - 1
        relevant_R = hits_RG[:, -1]
        found_R = relevant_R > 0
        best_RG = np.maximum.accumulate(precision_RG[:, ::-1], axis=1)[:, ::-1]
        needed_RL = np.maximum(-(-levels_L * relevant_R[found_R, None] // RECALL_STEPS), 1)
        before_R = (np.cumsum(relevant_R) - relevant_R)[found_R, None]
        recall_RL = np.zeros((len(ranked_RG), len(levels_L)))
        recall_RL[found_R] = best_RG.ravel()[np.flatnonzero(ranked_RG)[before_R + needed_RL - 1]]
        results.append(
            (
                precision_RG.sum(axis=1) / np.maximum(relevant_R, 1),
                precision_RG[:, : last + 1].sum(axis=1) / np.maximum(hits_RG[:, last], 1),
                recall_RL,
                hits_RG[:, scopes_S - 1] / scopes_S,
            )
        )
    whole, at_depth, recall, scope = (np.concatenate(part) for part in zip(*results, strict=True))
    return whole, at_depth, recall, scope
