"""Two similarities of codes, each as an inner product of *representations*.

``cosine`` is the paper's: rows are scaled to unit length. ``posterior`` compares what the codes
say about the classes, and needs the projection P, which all modalities share. It ranks better than
the cosine: of DRCL's released codes mean average precision is .563 against .550.

*One label an item*: softmax(t * P'h) of each code, and the inner product of two of them is the
probability that one class drawn from each side is the same. The temperature t is needed because
unit codes have logits in [-1, 1], where a plain softmax is almost flat. The default follows a rule,
not a search: an ideal code (its own class at logit 1, the others at 0) shall have posterior 0.95,
so t = ln(0.95 / 0.05 * (C - 1)), which is 5.1 for ten classes. DRCL, which learns the scale of its
class matrix, arrives there by itself: column norms of 5.2 and largest posteriors of 0.95 on ten
classes.

*Several labels*: a sigmoid for each class, sigma(t * (P'h - 1/2)), and the inner product of two of
them is the number of labels that two items are expected to share (over C here, so that no row is
longer than 1). The same rule as above gives t: an ideal code of one label shall have .95 on it and
.05 on each other class, so t = 2 ln(0.95 / 0.05), which is 5.9. Unlike shares that add up to one,
these know of an item that it has many labels. Which of the two a code has is a matter of its own
modality's labels; one of each kind compare as well, since both sides say how likely a class is.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np

from sdml.errors import DataError, SubspaceError, UserError

Similarity = Literal["cosine", "posterior"]
SIMILARITIES: tuple[Similarity, ...] = get_args(Similarity)

_UNIT = 1e-4  # how far the length of a unit column may be from 1
IDEAL_POSTERIOR = 0.95
SEVERAL = 2 * math.log(IDEAL_POSTERIOR / (1 - IDEAL_POSTERIOR))
"""The default temperature of several labels."""

_ROWS = 256  # rows converted at a time, so that they stay in the cache


def default_temperature(classes: int) -> float:
    """The temperature at which an ideal code of C classes has posterior 0.95.

    >>> round(default_temperature(10), 2)
    5.14
    """
    odds = IDEAL_POSTERIOR / (1 - IDEAL_POSTERIOR)
    return math.log(odds * max(classes - 1, 1))


def projection_temperature(projection_KC: np.ndarray, *, multi_label: bool = False) -> float:
    """The default temperature of a projection with unit columns; of any other, 1.

    Columns of another length were learned, with their scale: DRCL's logits are P'h as they are.
    With ``multi_label`` it is one for all, since their columns are made units.
    """
    if multi_label:
        return SEVERAL
    unit = bool(np.abs(_lengths(projection_KC) - 1).max() <= _UNIT)
    return default_temperature(projection_KC.shape[1]) if unit else 1.0


def _lengths(projection_KC: np.ndarray) -> np.ndarray:
    squares_C = np.einsum("kc,kc->c", projection_KC, projection_KC, dtype=np.float64)
    return np.asarray(np.sqrt(squares_C))


def checked_codes(codes_NK: np.ndarray, what: str) -> np.ndarray:
    """The codes, unchanged. Raises DataError unless they are a finite, non-empty matrix."""
    codes_NK = _matrix(codes_NK, what)
    if codes_NK.dtype == np.float32:
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(np.vecdot(codes_NK, codes_NK)).all():
                return codes_NK  # one pass, and nearly always the answer; squares may overflow
    for start in range(0, len(codes_NK), _ROWS):
        finite = np.isfinite(codes_NK[start : start + _ROWS]).all(axis=1)
        if not finite.all():
            raise DataError(
                f"{what}: codes must be finite; received NaN or infinity in row "
                f"{start + int(np.argmin(finite))}: repair the features or train the encoder again"
            )
    return codes_NK


def _matrix(codes_NK: np.ndarray, what: str) -> np.ndarray:
    """The codes, which may still be infinite or no numbers at all."""
    codes_NK = np.asarray(codes_NK)
    if codes_NK.ndim != 2 or codes_NK.dtype.kind not in "fiu":
        raise DataError(
            f"{what}: codes must be a matrix of numbers (N, K); received {codes_NK.dtype} of shape "
            f"{codes_NK.shape}: pass one row for each item"
        )
    if 0 in codes_NK.shape:
        raise DataError(
            f"{what}: at least one code of width 1 or more is needed; received shape "
            f"{codes_NK.shape}: use a split that is not empty"
        )
    return codes_NK


def checked_projection(projection_KC: np.ndarray, width: int, what: str) -> np.ndarray:
    """The projection, unchanged. Raises SubspaceError unless it is finite and (width, C)."""
    projection_KC = np.asarray(projection_KC)
    if projection_KC.ndim != 2 or len(projection_KC) != width or projection_KC.shape[1] < 1:
        raise SubspaceError(
            f"{what}: the projection must have one row for each of the {width} code dimensions; "
            f"received shape {projection_KC.shape}: use the subspace the encoder was trained for"
        )
    if not np.isfinite(projection_KC).all():
        raise SubspaceError(
            f"{what}: the projection must be finite; received NaN or infinity: "
            "use the subspace the encoder was trained for"
        )
    return projection_KC


def cosine_representation(codes_NK: np.ndarray, what: str = "codes") -> np.ndarray:
    """Rows scaled to unit length: float32 (N, K). An all-zero row stays zero.

    Raises DataError for codes that are not a finite, non-empty matrix.
    """
    codes_NK = _matrix(codes_NK, what)
    if codes_NK.dtype != np.float32:
        checked_codes(codes_NK, what)
    unit_NK = np.empty(codes_NK.shape, dtype=np.float32)
    wide_BK = np.empty((min(_ROWS, len(codes_NK)), codes_NK.shape[1]))
    for start in range(0, len(codes_NK), _ROWS):
        rows_BK, length_B1 = _measured(codes_NK[start : start + _ROWS], wide_BK)
        if not np.isfinite(length_B1).all():  # of finite float32 codes it always is
            checked_codes(codes_NK, what)
        np.multiply(rows_BK, _inverse(length_B1), out=unit_NK[start : start + _ROWS])
    return unit_NK


def posterior_representation(
    codes_NK: np.ndarray,
    projection_KC: np.ndarray,
    temperature: float | None = None,
    what: str = "codes",
    *,
    multi_label: bool = False,
) -> np.ndarray:
    """What unit codes h say about the classes: float32 (N, C).

    softmax(temperature * P'h), rows that sum to one; with ``multi_label``
    sigma(temperature * (P'h - 1/2)) / sqrt(C), P with unit columns.

    Codes are scaled to unit length first, so that the temperature means the same for every
    encoder. None takes :func:`projection_temperature`. Raises DataError for bad codes,
    SubspaceError for a projection of another width, UserError for a temperature that is not
    positive.
    """
    codes_NK = checked_codes(codes_NK, what)
    projection_KC = checked_projection(projection_KC, codes_NK.shape[1], what).astype(np.float64)
    scale = temperature
    if scale is None:
        scale = projection_temperature(projection_KC, multi_label=multi_label)
    if not (math.isfinite(scale) and scale > 0):
        raise UserError(
            f"the temperature of the posterior must be a positive number; received {scale!r}: "
            "leave it out to use the default"
        )
    if multi_label:
        projection_KC *= _inverse(_lengths(projection_KC))
    posterior_NC = np.empty((len(codes_NK), projection_KC.shape[1]), dtype=np.float32)
    wide_BK = np.empty((min(_ROWS, len(codes_NK)), codes_NK.shape[1]))
    for start in range(0, len(codes_NK), _ROWS):
        rows_BK, length_B1 = _measured(codes_NK[start : start + _ROWS], wide_BK)
        rows_BK *= _inverse(length_B1)
        logits_BC = scale * (rows_BK @ projection_KC)
        if multi_label:
            sigmoid_BC = (1 + np.tanh((logits_BC - scale / 2) / 2)) / 2
            posterior_NC[start : start + _ROWS] = sigmoid_BC / math.sqrt(projection_KC.shape[1])
        else:
            odds_BC = np.exp(logits_BC - logits_BC.max(axis=1, keepdims=True))
            posterior_NC[start : start + _ROWS] = odds_BC / odds_BC.sum(axis=1, keepdims=True)
    return posterior_NC


def _measured(codes_BK: np.ndarray, room_BK: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the codes' directions in float64, written into ``room_BK``, and their lengths."""
    wide_BK = room_BK[: len(codes_BK)]
    wide_BK[...] = codes_BK
    if codes_BK.dtype.itemsize > 4:
        # Squares of 64-bit numbers may overflow: divide the largest entry out first.
        largest_B1 = np.abs(wide_BK).max(axis=1, keepdims=True)
        wide_BK /= np.where(largest_B1 > 0, largest_B1, 1.0)
    return wide_BK, np.sqrt(np.vecdot(wide_BK, wide_BK))[:, None]


def _inverse(length_B1: np.ndarray) -> np.ndarray:
    """1 / length; 1 for an all-zero row, which stays zero."""
    return np.asarray(1.0 / np.where(length_B1 > 0, length_B1, 1.0))
