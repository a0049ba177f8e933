"""Exact rankings by sorting plain numbers, with ties in gallery order.

Sorting numbers by value is what vector units are good at; sorting indices is not. A float32 score
becomes an unsigned number that grows as the score falls, and what is wanted of an item is packed
below it: its gallery index (64-bit keys), or only whether it is relevant (32-bit keys, twice as
many in a register). The latter is all that average precision needs. It leaves open the order of
relevant and irrelevant items of equal score, which is rare and repaired afterwards.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np

_MAGNITUDE = np.int32(0x7FFFFFFF)
_BELOW_TWO = np.uint32(0x40000000)  # what descending_bits gives the largest number below 2
_REPAIRS = 8  # ties of a row that are mended one by one


def descending_bits(scores: np.ndarray) -> np.ndarray:
    """float32 scores as uint32 that order the other way round; -0.0 and +0.0 become equal.

    >>> bits = descending_bits(np.array([0.5, -0.0, 0.0, -2.0], dtype=np.float32))
    >>> bool((bits[:-1] <= bits[1:]).all()), bool(bits[1] == bits[2])
    (True, True)
    """
    # -0.0 + 0.0 is +0.0
    bits: np.ndarray = (scores + np.float32(0.0)).view(np.uint32)
    bits ^= _flip(bits)
    return bits


def scores_of_bits(bits: np.ndarray) -> np.ndarray:
    """The float32 scores that :func:`descending_bits` was given (it is its own inverse)."""
    result: np.ndarray = (bits ^ _flip(bits)).view(np.float32)
    return result


def _flip(bits: np.ndarray) -> np.ndarray:
    """All bits but the sign where the sign bit is clear, nothing where it is set."""
    flip = bits.view(np.int32) >> 31
    np.invert(flip, out=flip)
    flip &= _MAGNITUDE
    return flip.view(np.uint32)


def ranked_relevance(scores_RG: np.ndarray, relevant_RG: np.ndarray) -> np.ndarray:
    """Relevance in the order of falling score, ties in gallery order: bool (R, G).

    Scores are float32 within (-2, 2): such numbers leave a bit of their 32 unused.

    >>> scores = np.array([[0.1, 0.9, 0.1, 0.9]], dtype=np.float32)
    >>> ranked_relevance(scores, np.array([[True, False, False, True]])).tolist()
    [[False, True, True, False]]
    """
    keys_RG = descending_bits(scores_RG)
    keys_RG -= _BELOW_TWO
    keys_RG <<= np.uint32(1)
    keys_RG |= ~relevant_RG
    sorted_RG = np.sort(keys_RG, axis=1)
    # Neighbours that differ in relevance alone: one such place for each tie of both kinds.
    tied_RG = (sorted_RG[:, 1:] ^ sorted_RG[:, :-1]) == 1
    for row in np.flatnonzero(tied_RG.any(axis=1)):
        places = np.flatnonzero(tied_RG[row])
        if len(places) > _REPAIRS:
            sorted_RG[row] = _stable(keys_RG[row])
            continue
        for score in sorted_RG[row, places] >> np.uint32(1):
            members = keys_RG[row][keys_RG[row] >> np.uint32(1) == score]
            first = np.searchsorted(sorted_RG[row], score << np.uint32(1))
            sorted_RG[row, first : first + len(members)] = members
    sorted_RG &= np.uint32(1)
    result: np.ndarray = sorted_RG == 0
    return result


def _stable(keys_G: np.ndarray) -> np.ndarray:
    """32-bit keys by score, equal scores in the order given."""
    order_G = (keys_G >> np.uint32(1)).astype(np.uint64) << np.uint64(32)
    order_G |= np.arange(len(keys_G), dtype=np.uint64)
    order_G.sort()
    result: np.ndarray = keys_G[(order_G & np.uint64(0xFFFFFFFF)).astype(np.intp)]
    return result


def within_unit_norm(rows_NK: np.ndarray) -> np.ndarray:
    """The float32 rows, divided by one power of two if any is longer than about 1.

    Such a division is exact and changes no ranking; inner products then stay within (-2, 2).
    """
    squares_N = np.einsum("nk,nk->n", rows_NK, rows_NK, dtype=np.float64)
    largest = math.sqrt(float(squares_N.max()))
    if largest <= 1.2:
        return rows_NK
    shrunk: np.ndarray = np.ldexp(rows_NK, -math.frexp(largest)[1])
    return shrunk


def distinct_rows(rows_NK: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Distinct rows in order of first appearance, and for each row its number among them.

    The number array is None when all rows differ. Matrix products may round the same inner
    product differently in different columns; scoring each distinct row once makes items with
    equal codes tie exactly.
    """
    # Equal rows have equal sums: only rows that share theirs need a closer look.
    _, group_N, counts = np.unique(rows_NK.sum(axis=1), return_inverse=True, return_counts=True)
    suspects = np.flatnonzero(counts[group_N] > 1)
    if not suspects.size:
        return rows_NK, None
    first_N = np.arange(len(rows_NK))
    seen: dict[bytes, int] = {}
    zero = rows_NK.dtype.type(0)  # added, it makes -0.0 and +0.0 one value
    for position in suspects.tolist():
        digest = hashlib.blake2b((rows_NK[position] + zero).data, digest_size=16).digest()
        first_N[position] = seen.setdefault(digest, position)
    firsts, number_N = np.unique(first_N, return_inverse=True)
    if len(firsts) == len(rows_NK):
        return rows_NK, None
    return rows_NK[firsts], number_N
