"""Exact rankings by sorting plain numbers, with ties in gallery order.

Sorting numbers by value is what vector units are good at; sorting indices is not. A float32 score
becomes an unsigned number that grows as the score falls, and what is wanted of an item is packed
below it: its gallery index (64-bit keys), or only whether it is relevant (32-bit keys, twice as
many in a register). The latter is all that average precision needs. It leaves open the order of
relevant and irrelevant items of equal score, which is rare and repaired afterwards.
"""

from __future__ import annotations

import math

import numpy as np

from sdml.retrieval.sorting import sorted_rows

_MAGNITUDE = np.int32(0x7FFFFFFF)
_REPAIRS = 8  # ties of a row that are mended one by one
_MANY = 100_000  # items of a gallery where there are always more
_LONGEST, _SHORTEST = 1.2, 2.0**-20  # rows that may stay as they are
_ROWS = 1024  # scaled at a time


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


def relevant_places(scores_RG: np.ndarray, relevant_RG: np.ndarray) -> np.ndarray:
    """Where the relevant items stand in the order of falling score, ties in gallery order.

    Scores are float32 within (-2, 2): such numbers leave a bit of their 32 unused. Relevance is
    bool, or whole numbers 0 and 1. Places are counted through all rows, row * G + rank - 1, and
    rise.

    >>> scores = np.array([[0.1, 0.9, 0.1, 0.9]], dtype=np.float32)
    >>> relevant_places(scores, np.array([[True, False, False, True]])).tolist()
    [1, 2]
    """
    wide = scores_RG.shape[1] > _MANY
    keys_RG = _wide_keys(scores_RG, relevant_RG) if wide else _keys(scores_RG, relevant_RG)
    sorted_RG = sorted_rows(keys_RG, scores_RG)
    places_H = _odd(sorted_RG)
    if not wide:
        _mend_ties(places_H, sorted_RG, keys_RG)
    return places_H


def _odd(keys_RG: np.ndarray) -> np.ndarray:
    """Places of the odd keys, counted through all rows."""
    odd_RG = np.empty(keys_RG.shape, dtype=np.bool_)
    np.bitwise_and(keys_RG, 1, out=odd_RG.view(np.uint8), casting="unsafe")
    return np.flatnonzero(odd_RG)


def _keys(scores_RG: np.ndarray, relevant_RG: np.ndarray) -> np.ndarray:
    """int32 that rise as the score falls; the lowest bit says whether the item is relevant."""
    bits_RG = scores_RG.view(np.int32)
    sign_RG = bits_RG >> 31
    keys_RG = bits_RG << 1  # the magnitude; the sign is shifted out, so that -0.0 is +0.0
    keys_RG ^= sign_RG
    np.subtract(sign_RG, keys_RG, out=keys_RG)
    keys_RG |= relevant_RG
    return keys_RG


def _wide_keys(scores_RG: np.ndarray, relevant_RG: np.ndarray) -> np.ndarray:
    """int64 with the place in the gallery between score and relevance: no two are equal."""
    keys_RG = _keys(scores_RG, np.zeros(1, np.int32)).astype(np.int64)
    keys_RG <<= 32
    keys_RG |= np.arange(0, 2 * keys_RG.shape[1], 2)
    keys_RG |= relevant_RG
    return keys_RG


def _mend_ties(places_H: np.ndarray, sorted_RG: np.ndarray, keys_RG: np.ndarray) -> None:
    """Bring relevant and irrelevant items of equal score into the order of the gallery."""
    gallery = sorted_RG.shape[1]
    # Where an irrelevant item of the same score stands before a relevant one: once for each tie.
    flat = sorted_RG.reshape(-1)
    tied_H = flat[places_H] - flat[places_H - 1] == 1
    if not tied_H.any():
        return
    for row in np.unique(places_H[tied_H] // gallery).tolist():
        first, last = np.searchsorted(places_H, (row * gallery, (row + 1) * gallery))
        ranked_G = sorted_RG[row]
        _mend_row(ranked_G, keys_RG[row], places_H[first:last][tied_H[first:last]] - row * gallery)
        places_H[first:last] = np.flatnonzero(ranked_G & 1) + row * gallery


def _mend_row(sorted_G: np.ndarray, keys_G: np.ndarray, places_T: np.ndarray) -> None:
    """The same for a row; ``places_T`` are those of the first relevant item of each tie."""
    if len(places_T) > _REPAIRS:
        sorted_G[...] = _stable(keys_G)
        return
    for key in sorted_G[places_T]:
        members = keys_G[(keys_G | 1) == key]
        first = np.searchsorted(sorted_G, key - 1)
        sorted_G[first : first + len(members)] = members


def _stable(keys_G: np.ndarray) -> np.ndarray:
    """int32 keys by score, equal scores in the order given."""
    order_G = (keys_G >> 1).astype(np.int64) << 32
    order_G |= np.arange(len(keys_G))
    order_G.sort()
    result: np.ndarray = keys_G[order_G & 0xFFFFFFFF]
    return result


def near_unit_norm(rows_NK: np.ndarray, *, each: bool = False) -> np.ndarray:
    """The finite rows in float32, times a power of two if they are longer than about 1 or tiny.

    One power for all, by the longest row; with ``each`` one for every row. Inner products then
    stay within (-2, 2) and do not vanish. Powers of two are exact, so no ranking of a gallery
    changes when it has one power and each query its own.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        made_NK = np.asarray(rows_NK, dtype=np.float32)
        squares_N = np.vecdot(made_NK, made_NK)
    least = squares_N.min() if each else squares_N.max()
    if squares_N.max() <= _LONGEST**2 and least >= _SHORTEST**2:
        return made_NK
    wide = np.float64 if rows_NK.dtype.itemsize > 4 else np.float32
    blocks = [slice(start, start + _ROWS) for start in range(0, len(rows_NK), _ROWS)]
    largest_N = np.concatenate([np.abs(rows_NK[some].astype(wide)).max(axis=1) for some in blocks])
    part_N, power_N = np.frexp(largest_N.astype(np.float64))
    power_N += np.frexp(part_N * math.sqrt(rows_NK.shape[1]))[1]
    if not each:
        power_N[:] = power_N.max()
    scaled_NK = np.empty(rows_NK.shape, dtype=np.float32)
    with np.errstate(under="ignore"):
        for some in blocks:
            np.ldexp(
                rows_NK[some].astype(wide),
                -power_N[some, None],
                out=scaled_NK[some],
            )
    return scaled_NK
