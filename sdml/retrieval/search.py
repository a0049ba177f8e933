"""Exact search: the k most similar gallery items of each query, in bounded memory.

The gallery is read once, block by block, so it may be memory-mapped and larger than memory. A
float32 product, whose error is bounded, names the few items of a block that may belong to the
best; only their inner products are taken in float64 and rounded to float32. So the result is that
of a float64 product over everything: items with equal codes tie, wherever they stand, and ties
come in gallery order.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from sdml.errors import DataError, UserError
from sdml.retrieval.average_precision import BLOCK_BYTES
from sdml.retrieval.best import Best, Run
from sdml.retrieval.compiled_products import TASK_ROWS, products_kernel_for
from sdml.retrieval.direction import represent
from sdml.retrieval.gallery_block import FEW_QUERIES, Block
from sdml.retrieval.similarity import Similarity

_QUERY_ROWS = 1024
_BLOCK_SCORES = 2**22  # of a block of the gallery: queries times items
_COMPILED_ROWS = 2**17  # of a block whose products are compiled


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
    multi_label: tuple[bool, bool] = (False, False),
    block_bytes: int = BLOCK_BYTES,
    threads: int | None = None,
    squares_G: np.ndarray | None = None,
    compiled: bool | None = None,
) -> SearchResult:
    """The ``top_k`` best gallery items (all of them if the gallery is smaller) for each query.

    Codes are numbers (Q, K) and (G, K). ``multi_label`` says of query and gallery whether items
    may have several labels, which makes another posterior. ``block_bytes`` bounds the extra memory
    next to the queries and the result. ``threads`` compare (None: as many as torch uses); the
    product uses those of the numerical library. ``squares_G`` is what :func:`squared_lengths` says
    of the gallery: whoever searches it often for the cosine has it measured once. ``compiled`` asks
    for machine code made by numba, or for none; without it, cosines of few queries are compiled
    where numba is installed and this process has searched enough to repay it. The result is the
    same.
    Raises DataError for codes that are empty, not finite or of different widths, UserError for a
    depth below 1, SubspaceError for ``posterior`` without P.
    """
    workers = torch.get_num_threads() if threads is None else threads
    if top_k < 1 or block_bytes < 1 or workers < 1:
        raise UserError(
            f"top_k, block_bytes and threads must be at least 1; received {top_k}, {block_bytes} "
            f"and {workers}"
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
    if squares_G is not None and squares_G.shape != (len(gallery_GK),):
        raise DataError(
            f"squares_G must have one number for each of the {len(gallery_GK)} gallery items; "
            f"received shape {squares_G.shape}: measure this gallery with squared_lengths"
        )
    if len(gallery_GK) > 2**31:
        raise DataError(
            f"a gallery may hold at most 2^31 items; received {len(gallery_GK)}: divide it"
        )

    def rows(codes_NK: np.ndarray, what: str, *, side: Literal[0, 1] = 1) -> np.ndarray:
        return represent(
            codes_NK,
            similarity,
            projection_KC=projection_KC,
            temperature=temperature,
            multi_label=multi_label[side],
            what=what,
        )

    unit_QK = rows(query_QK, "query", side=0)
    depth = min(top_k, len(gallery_GK))
    # Of a gallery row: its code in float32 and, while it is represented, in float64; of a score:
    # itself, its comparison, and its place and float64 value where all must be looked at.
    width = gallery_GK.shape[1]
    queries = max(1, min(_QUERY_ROWS, len(unit_QK), block_bytes // (64 * width)))
    most = min(2**15, max(2**12, _BLOCK_SCORES // queries))
    step = max(1, min(most, block_bytes // (24 * width + 48 * queries), len(gallery_GK)))
    few_rows = min(TASK_ROWS, step)
    kernel = room_SK = None
    if similarity == "cosine":
        kernel = products_kernel_for(gallery_GK, queries, compiled)
        if kernel is not None:  # of a row no more than its scores: longer blocks, fewer steps
            most = min(_COMPILED_ROWS, block_bytes // (32 * (queries + 2)), len(gallery_GK))
            step = max(step, most)
        elif gallery_GK.dtype == np.float16 and queries > FEW_QUERIES:
            room_SK = np.empty((step, width), dtype=np.float32)
    best = [
        Best(unit_QK[row : row + queries], depth, pair_bytes=block_bytes // 4)
        for row in range(0, len(unit_QK), queries)
    ]
    scores_S = np.empty(step * queries, dtype=np.float32)
    with ThreadPoolExecutor(workers) as pool:
        run: Run = pool.map if workers > 1 else map
        for start in range(0, len(gallery_GK), step):
            codes_BK = np.asarray(gallery_GK[start : start + step])
            squares_B = None if squares_G is None else squares_G[start : start + step]
            block = Block(codes_BK, start, rows, similarity, room_SK, squares_B, kernel, few_rows)
            for group in best:
                shape = len(group.query_RK), len(block)
                scores_RB = scores_S[: shape[0] * shape[1]].reshape(shape)
                error = block.score(group.query_RK, scores_RB, run)
                group.add(scores_RB, error, start, block.exact_rows, run)
    found = [group.result() for group in best]
    return SearchResult(
        indices_QT=np.concatenate([indices for indices, _ in found]),
        scores_QT=np.concatenate([scores for _, scores in found]),
    )
