"""Which gallery items are relevant to a query, for single- and multi-label collections.

Single labels compare as numbers. Of label sets, each class keeps one bit for each gallery item, and
"shares a class" is the bitwise *or* of the query's classes: no product of label matrices, and
nothing of size Q x G is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdml.errors import DataError
from sdml.retrieval.protocol import RelevanceRule

UNLABELLED = -1


def several_labels(labels: np.ndarray) -> bool:
    """Whether an item of a modality has more than one label. One-hot rows are like numbers."""
    labels = np.asarray(labels)
    return labels.ndim == 2 and labels.dtype.kind in "iubf" and bool((labels.sum(axis=1) > 1).any())


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

    def grouped(self) -> np.ndarray:
        """An order of the queries in which those with the same relevant items are neighbours."""
        return np.argsort(self.query_Q, kind="stable")

    def rows(self, queries_R: np.ndarray) -> np.ndarray:
        """Relevance of the gallery to these queries: bool (R, G), perhaps one row shown R times."""
        wanted_R = self.query_Q[queries_R]
        if (wanted_R == wanted_R[0]).all():
            same_G = self.gallery_G == wanted_R[0]
            return np.broadcast_to(same_G, (len(wanted_R), len(same_G)))
        result: np.ndarray = wanted_R[:, None] == self.gallery_G[None, :]
        return result


@dataclass(frozen=True)
class SharedLabel:
    """Relevant if at least one class is common to both sets.

    ``query_QC`` is bool; ``holders_CW`` has, for each class, a bit for each gallery item, eight
    bytes in a word (uint64).
    """

    query_QC: np.ndarray
    holders_CW: np.ndarray
    items: int

    def grouped(self) -> np.ndarray:
        """An order of the queries in which those with the same relevant items are neighbours."""
        return np.argsort(_numbers(np.packbits(self.query_QC, axis=1)), kind="stable")

    def rows(self, queries_R: np.ndarray) -> np.ndarray:
        """Relevance of the gallery to these queries: bool (R, G)."""
        bits_RW = np.zeros((len(queries_R), self.holders_CW.shape[1]), dtype=np.uint64)
        row_H, class_H = np.nonzero(self.query_QC[queries_R])
        for row, held in zip(row_H.tolist(), class_H.tolist(), strict=True):
            bits_RW[row] |= self.holders_CW[held]
        return np.unpackbits(bits_RW.view(np.uint8), axis=1, count=self.items).view(np.bool_)


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
    held_CB = np.packbits(gallery_labels.T, axis=1)
    words = -(-held_CB.shape[1] // 8)
    holders_CW = np.zeros((len(held_CB), words), dtype=np.uint64)
    holders_CW.view(np.uint8)[:, : held_CB.shape[1]] = held_CB
    return SharedLabel(query_labels, holders_CW, len(gallery_labels))


def _same(query_Q: np.ndarray, gallery_G: np.ndarray) -> SameLabel:
    # Small numbers, which compare faster.
    if max(query_Q.max(initial=0), gallery_G.max(initial=0)) <= np.iinfo(np.int16).max:
        # -1 means "unlabelled" on both sides and must not match itself.
        return SameLabel(
            np.where(query_Q < 0, -2, query_Q).astype(np.int16), gallery_G.astype(np.int16)
        )
    # A class that the gallery has not is relevant to nothing.
    present, number_G = np.unique(gallery_G, return_inverse=True)
    place_Q = np.minimum(np.searchsorted(present, query_Q), len(present) - 1)
    known_Q = (present[place_Q] == query_Q) & (query_Q >= 0)
    return SameLabel(
        np.where(known_Q, place_Q, -1).astype(np.int32), number_G.reshape(-1).astype(np.int32)
    )


def _set_numbers(query_QC: np.ndarray, gallery_GC: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each distinct set of classes gets a number, the empty set -1."""
    packed_NB = np.packbits(np.concatenate([query_QC, gallery_GC]), axis=1)
    number_N = _numbers(packed_NB)
    number_N[~packed_NB.any(axis=1)] = UNLABELLED
    return number_N[: len(query_QC)], number_N[len(query_QC) :]


def _numbers(packed_NB: np.ndarray) -> np.ndarray:
    """The same number for equal rows, and another for others."""
    return np.unique(packed_NB, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
