"""Ranks of the relevant items by counting, in machine code made by numba where that is installed.

A row of scores is divided into bins that are a little fewer than the items. How many items lie
above a bin is counted; only the bins that hold a relevant item are sorted. That is a third of the
work of a sort, but it cannot be said in numpy's operations, which would read the row ten times.
The ranks, and every number made of them, are those of ``ranking``, to the last bit.

Nothing is cached on disk, so it pays only once a process has ranked some hundred million scores, in
one direction or in several; from then on everything is ranked so.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

Kernel = Callable[..., Any]

WORTHWHILE = 4 * 10**8  # scores whose ranking takes longer than numba's import and compilation
_asked = 0  # scores that this process has been asked to rank
_FEWEST_BINS, _MOST_BINS = 2**9, 2**20  # the latter is well within float32's whole numbers
_INSERTED = 24  # items up to which a bin is sorted by insertion


def kernel_for(scores: int, compiled: bool | None) -> Kernel | None:
    """The compiled kernel, or None where there is no numba or it must not be used.

    Without a wish in ``compiled``, it is used where it pays for this many scores, and those that
    this process was asked for before.
    """
    global _asked
    _asked += scores
    wanted = _asked >= WORTHWHILE if compiled is None else compiled
    return compiled_kernel() if wanted else None


@cache
def compiled_kernel() -> Kernel | None:
    """The compiled :func:`rank_rows`; None without numba. The first call takes some seconds."""
    if importlib.util.find_spec("numba") is None:
        return None
    import numba

    signature = (
        "void(f4[:,::1],u4[:,::1],u1[:,::1],i8[::1],i4[::1],i4[::1],i4[:,::1],i4[:,::1],u8[::1],"
        "f8[::1],i8[:,::1])"
    )
    made: Kernel = numba.njit(signature, nogil=True, error_model="numpy")(rank_rows)
    return made


def ranked_by_counting(
    kernel: Kernel, scores_RG: np.ndarray, relevant_RG: np.ndarray, depths_S: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Precision at the rank of each relevant item, row after row, and hits within each depth.

    Args:
        kernel: :func:`rank_rows`, compiled or as it is.
        scores_RG: finite float32, C-contiguous.
        relevant_RG: bool, C-contiguous, or one row shown many times.
        depths_S: int64, from 1 to G.

    Returns:
        float64 (all relevant items of all rows,) and int64 (R, S).
    """
    rows, gallery = scores_RG.shape
    one = relevant_RG.strides[0] == 0
    relevant_RG = (relevant_RG[:1].copy() if one else relevant_RG).view(np.uint8)
    relevant = int(np.count_nonzero(relevant_RG)) * (rows if one else 1)
    bins = min(max(_FEWEST_BINS, 2 ** (gallery.bit_length() - 1)), _MOST_BINS)
    precision_H = np.empty(relevant)
    hits_RS = np.empty((rows, len(depths_S)), dtype=np.int64)
    kernel(
        scores_RG,
        scores_RG.view(np.uint32),
        relevant_RG,
        depths_S,
        np.empty(bins, dtype=np.int32),
        np.empty(gallery, dtype=np.int32),
        np.empty((2, gallery + 1), dtype=np.int32),
        np.empty((min(bins, gallery), 2), dtype=np.int32),
        np.empty(gallery, dtype=np.uint64),
        precision_H,
        hits_RS,
    )
    return precision_H, hits_RS


def rank_rows(
    scores_RG: np.ndarray,
    bits_RG: np.ndarray,
    relevant_RG: np.ndarray,
    depths_S: np.ndarray,
    table_B: np.ndarray,
    bin_G: np.ndarray,
    listed_2G: np.ndarray,
    part_M2: np.ndarray,
    keys_N: np.ndarray,
    precision_H: np.ndarray,
    hits_RS: np.ndarray,
) -> None:
    """What :func:`ranked_by_counting` describes; the arrays from ``table_B`` on are written to."""
    rows, gallery = scores_RG.shape
    bins = len(table_B)
    one = len(relevant_RG) == 1
    relevant_H, chosen_N = listed_2G[0], listed_2G[1]
    relevant = 0
    total = 0
    for row in range(rows):
        shown = 0 if one else row
        high = scores_RG[row, 0]
        low = high
        for item in range(gallery):
            high = max(high, scores_RG[row, item])
            low = min(low, scores_RG[row, item])
        scale = np.float32(bins - 1) / max(high - low, np.float32(1e-30))
        for item in range(gallery):
            # Subtraction, product and truncation are monotone: bins follow the scores' order.
            bin_G[item] = np.int32((high - scores_RG[row, item]) * scale)
        if row == 0 or not one:
            relevant = 0
            for item in range(gallery):
                relevant_H[relevant] = item
                relevant += relevant_RG[shown, item]
        for number in range(bins):
            table_B[number] = 0
        for place in range(relevant):
            table_B[bin_G[relevant_H[place]]] = -0x80000000
        # Count all bins, and list the items of those that are marked by the sign.
        chosen = 0
        for item in range(gallery):
            count = table_B[bin_G[item]]
            table_B[bin_G[item]] = count + 1
            chosen_N[chosen] = item
            chosen += count < 0
        above = 0
        begin = 0
        parts = 0
        for number in range(bins):
            count = table_B[number]
            if count < 0:
                part_M2[parts, 0] = begin
                part_M2[parts, 1] = above - begin
                table_B[number] = parts
                parts += 1
                count &= 0x7FFFFFFF
                begin += count
            above += count
        for place in range(chosen):
            item = chosen_N[place]
            part = table_B[bin_G[item]]
            at = part_M2[part, 0]
            part_M2[part, 0] = at + 1
            bits = bits_RG[row, item]
            if bits == 0x80000000:
                bits = np.uint32(0)  # -0.0 is +0.0
            if bits < 0x80000000:
                bits = bits ^ np.uint32(0x7FFFFFFF)
            keys_N[at] = (
                (np.uint64(bits) << np.uint64(32))
                | np.uint64(2 * item)
                | np.uint64(relevant_RG[shown, item])
            )
        begin = 0
        hits = 0
        for part in range(parts):
            end = part_M2[part, 0]
            if end - begin > _INSERTED:
                keys_N[begin:end].sort()
            else:
                for place in range(begin + 1, end):
                    key = keys_N[place]
                    at = place
                    while at > begin and keys_N[at - 1] > key:
                        keys_N[at] = keys_N[at - 1]
                        at -= 1
                    keys_N[at] = key
            for place in range(begin, end):
                if keys_N[place] & np.uint64(1):
                    rank = place + part_M2[part, 1] + 1
                    chosen_N[hits] = rank
                    hits += 1
                    precision_H[total] = hits / rank
                    total += 1
            begin = end
        for depth in range(len(depths_S)):
            low_place = 0
            high_place = hits
            while low_place < high_place:
                middle = (low_place + high_place) // 2
                if chosen_N[middle] <= depths_S[depth]:
                    low_place = middle + 1
                else:
                    high_place = middle
            hits_RS[row, depth] = low_place
