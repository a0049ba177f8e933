"""Which gallery items are relevant to a query, for single- and multi-label collections.

Single labels compare as numbers. Label sets are packed into 64-bit words, so "shares a class" is
a bitwise *and*: no product of label matrices, and nothing of size Q x G is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdml.errors import DataError
from sdml.retrieval.protocol import RelevanceRule

UNLABELLED = -1


def checked_labels(labels: np.ndarray, items: int, what: str) -> np.ndarray:
    """Labels as int64 (N,) with -1 for unlabelled, or as bool multi-hot (N, C).

    Raises DataError unless they are whole numbers of one of those shapes, one row per item.
    """
    labels = np.asarray(labels)
    if labels.ndim not in (1, 2) or labels.dtype.kind not in "iubf":
        raise DataError(
            f"{what}: labels must be whole numbers (N,) or multi-hot (N, C); received "
            f"{labels.dtype} of shape {labels.shape}: encode the labels first"
        )
    if len(labels) != items:
        raise DataError(
            f"{what}: there must be one label for each code; received {len(labels)} labels for "
            f"{items} codes: pass the labels of the same split"
        )
    if labels.ndim == 2:
        if not np.isin(labels, (0, 1)).all():
            raise DataError(
                f"{what}: multi-hot labels must hold only 0 and 1; received other values: "
                "encode each class as one 0/1 column"
            )
        return labels.astype(bool)
    if labels.dtype.kind == "b":
        raise DataError(
            f"{what}: single labels must be class numbers; received booleans: "
            "pass class numbers (N,), or multi-hot rows (N, C)"
        )
    if labels.dtype.kind == "f" and not (np.isfinite(labels) & (labels == np.rint(labels))).all():
        raise DataError(
            f"{what}: single labels must be whole numbers; received fractions or NaN: "
            "encode each class as a number"
        )
    whole = labels.astype(np.int64)
    if whole.size and whole.min() < UNLABELLED:
        raise DataError(
            f"{what}: labels must be 0 or more, or -1 for unlabelled; received {whole.min()}: "
            "number the classes from 0"
        )
    return whole


def multi_hot(labels_N: np.ndarray, classes: int, what: str) -> np.ndarray:
    """Class numbers (N,) as bool (N, C); -1 becomes an all-zero row."""
    if labels_N.size and labels_N.max() >= classes:
        raise DataError(
            f"{what}: class numbers must be below the width {classes} of the multi-hot labels "
            f"they are compared with; received {labels_N.max()}: use one list of classes for both"
        )
    rows_NC = np.zeros((len(labels_N), classes), dtype=bool)
    labelled = np.flatnonzero(labels_N >= 0)
    rows_NC[labelled, labels_N[labelled]] = True
    return rows_NC


@dataclass(frozen=True)
class SameLabel:
    """Relevant if the two class numbers are equal; a negative number matches nothing."""

    query_Q: np.ndarray
    gallery_G: np.ndarray

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Relevance of the gallery to queries start…stop: bool (stop - start, G)."""
        result: np.ndarray = self.query_Q[start:stop, None] == self.gallery_G[None, :]
        return result


@dataclass(frozen=True)
class SharedLabel:
    """Relevant if at least one class is common to both sets, held as 64-bit words (W, N)."""

    query_WQ: np.ndarray
    gallery_WG: np.ndarray

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Relevance of the gallery to queries start…stop: bool (stop - start, G)."""
        common = self.query_WQ[0, start:stop, None] & self.gallery_WG[0]
        for query_Q, gallery_G in zip(self.query_WQ[1:], self.gallery_WG[1:], strict=True):
            common |= query_Q[start:stop, None] & gallery_G
        result: np.ndarray = common != 0
        return result


Relevance = SameLabel | SharedLabel


def relevance_between(
    query_labels: np.ndarray, gallery_labels: np.ndarray, rule: RelevanceRule
) -> Relevance:
    """Relevance of gallery items to queries, from labels that passed :func:`checked_labels`.

    If one side has class numbers and the other multi-hot rows, the numbers become one-hot.
    Raises DataError when the two sides cannot share one list of classes.
    """
    if query_labels.ndim == 1 and gallery_labels.ndim == 1:
        return _same(query_labels, gallery_labels)
    if query_labels.ndim == 1:
        query_labels = multi_hot(query_labels, gallery_labels.shape[1], "query")
    if gallery_labels.ndim == 1:
        gallery_labels = multi_hot(gallery_labels, query_labels.shape[1], "gallery")
    if query_labels.shape[1] != gallery_labels.shape[1]:
        raise DataError(
            "query and gallery must use one list of classes; received multi-hot labels of width "
            f"{query_labels.shape[1]} and {gallery_labels.shape[1]}: encode both with the same list"
        )
    if rule == "exact":
        return _same(*_set_numbers(query_labels, gallery_labels))
    return SharedLabel(_words(query_labels), _words(gallery_labels))


def _same(query_Q: np.ndarray, gallery_G: np.ndarray) -> SameLabel:
    # -1 means "unlabelled" on both sides and must not match itself.
    return SameLabel(np.where(query_Q < 0, -2, query_Q), gallery_G)


def _set_numbers(query_QC: np.ndarray, gallery_GC: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each distinct set of classes gets a number, the empty set -1."""
    packed = np.packbits(np.concatenate([query_QC, gallery_GC]), axis=1)
    empty_N = ~packed.any(axis=1)
    number_N = np.unique(packed, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    number_N[empty_N] = UNLABELLED
    return number_N[: len(query_QC)], number_N[len(query_QC) :]


def _words(labels_NC: np.ndarray) -> np.ndarray:
    packed_NB = np.packbits(labels_NC, axis=1)
    width = max(1, -(-packed_NB.shape[1] // 8)) * 8
    padded_NB = np.zeros((len(packed_NB), width), dtype=np.uint8)
    padded_NB[:, : packed_NB.shape[1]] = packed_NB
    return np.ascontiguousarray(padded_NB.view(np.uint64).T)
