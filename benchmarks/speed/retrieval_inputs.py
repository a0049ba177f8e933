"""Made codes and labels for the figures of evaluation and search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WIDTH = 512
_ROWS = 10_000  # made at a time


@dataclass(frozen=True)
class Sizes:
    """A direction of retrieval: numbers of queries, gallery items, classes, labels of an item."""

    queries: int
    gallery: int
    classes: int
    labels: int = 1


@dataclass(frozen=True)
class Inputs:
    """Unit codes float32 (N, 512); class numbers (N,), or multi-hot uint8 (N, C)."""

    query_QK: np.ndarray
    query_labels: np.ndarray
    gallery_GK: np.ndarray
    gallery_labels: np.ndarray


def made_inputs(sizes: Sizes) -> Inputs:
    """Codes around class directions, as noisy as trained codes of a hard collection."""
    rng = np.random.default_rng(0)
    directions_CK = np.linalg.qr(rng.standard_normal((WIDTH, sizes.classes)))[0].T
    sides = []
    for items in (sizes.queries, sizes.gallery):
        labels_NC = np.zeros((items, sizes.classes), dtype=np.uint8)
        for _ in range(sizes.labels):
            labels_NC[np.arange(items), rng.integers(0, sizes.classes, items)] = 1
        codes_NK = np.empty((items, WIDTH), dtype=np.float32)
        for start in range(0, items, _ROWS):
            some = slice(start, min(start + _ROWS, items))
            made_NK = labels_NC[some] @ directions_CK
            made_NK += 0.1 * rng.standard_normal(made_NK.shape)
            codes_NK[some] = made_NK / np.linalg.norm(made_NK, axis=1, keepdims=True)
        sides += [codes_NK, labels_NC if sizes.labels > 1 else labels_NC.argmax(axis=1)]
    return Inputs(*sides)
