"""Ranking on the processor: blocks of queries against the whole gallery, in bounded memory.

One float32 matrix product for each block, then chunks of rows that fit in a core's cache, ranked
by several threads: by sorting, or by counting where ``compiled`` pays. Queries with the same
relevant items are neighbours, so that a chunk needs their relevance only once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from sdml.retrieval.compiled import kernel_for, ranked_by_counting
from sdml.retrieval.found import Found, depths_for, found_in, found_of
from sdml.retrieval.ranking import relevant_places
from sdml.retrieval.relevance import Relevance
from sdml.retrieval.rows import Rows, repeated_rows

_SORT_SCORES = 3 * 2**15  # scores sorted at a time: they stay in a core's cache
_CHUNK_SCORES = 4 * _SORT_SCORES  # scores of one task: enough to outweigh its calls
_GROUPED = 16  # as many queries for each of these rows as make it likely that some share a label
_CHUNK_COST = 64  # bytes that a chunk may hold for each of its scores
_BLOCK_ROWS = 768  # queries of one product: the gallery is packed anew for each
_KEPT_BYTES = 31 * 2**20


def rank(
    query: Rows,
    gallery: Rows,
    relevance: Relevance,
    top_k: int,
    block_bytes: int,
    threads: int,
    compiled: bool | None = None,
) -> Found:
    """Rank the gallery for each query and reduce the rankings, in ``block_bytes`` of memory.

    ``compiled`` as for :func:`sdml.retrieval.score`.
    """
    _keep_freed_memory(min(_KEPT_BYTES, block_bytes // 2))
    queries, items = len(query), len(gallery)
    kernel = kernel_for(queries * items, compiled)
    depths_S = depths_for(items, top_k)
    repeated = repeated_rows(gallery)
    threads = max(1, min(threads, block_bytes // (2 * items * _CHUNK_COST)))
    chunk = max(1, min(_CHUNK_SCORES, block_bytes // (2 * threads * _CHUNK_COST)) // items)
    row_bytes = 4 * (items + query.width)
    spare = block_bytes - threads * chunk * items * _CHUNK_COST
    block = max(1, min(_BLOCK_ROWS, queries, spare // row_bytes))
    block = -(-queries // -(-queries // block))  # as many blocks, of one size
    chunk = min(chunk, -(-block // threads))
    few = max(1, _SORT_SCORES // items)
    grouped = queries >= _GROUPED * few
    order_Q = relevance.grouped() if grouped else np.arange(queries)
    scores_BG = np.empty((block, items), dtype=np.float32)

    def work(first: int, queries_B: np.ndarray) -> Found:
        rows = slice(first, first + chunk)
        scores_RG = scores_BG[: len(queries_B)][rows]
        if repeated is not None:
            scores_RG[:, repeated[0]] = scores_RG[:, repeated[1]]
        if kernel is not None:
            relevant_RG = relevance.rows(queries_B[rows])
            return found_of(*ranked_by_counting(kernel, scores_RG, relevant_RG, depths_S))
        places = []
        for start in range(0, len(scores_RG), few):
            some = slice(start, start + few)
            relevant_RG = relevance.rows(queries_B[rows][some])
            places.append(relevant_places(scores_RG[some], relevant_RG) + start * items)
        return found_in(np.concatenate(places), scores_RG.shape, depths_S)

    parts: list[Found] = []
    with ThreadPoolExecutor(threads) as pool:
        run: Callable[..., Iterable[Found]] = pool.map if threads > 1 else map
        for start in range(0, queries, block):
            queries_B = order_Q[start : start + block]
            query_BK = query.some(queries_B if grouped else slice(start, start + block))
            for place, rows_TK in gallery.tiles():
                np.matmul(query_BK, rows_TK.T, out=scores_BG[: len(queries_B), place])
            firsts = range(0, len(queries_B), chunk)
            parts.extend(run(work, firsts, [queries_B] * len(firsts)))
    return Found.joined(parts, order_Q)


def _keep_freed_memory(size: int) -> None:
    """Let the allocator keep what is freed for the next block.

    glibc gives memory back to the system, to fetch it again page by page, beyond a limit that
    follows the largest block it has seen freed, up to 32 MiB. This one is never touched, so it
    costs nothing; without it a small collection takes nearly twice as long.
    """
    np.empty(size, dtype=np.uint8)
