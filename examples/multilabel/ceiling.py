"""The mAP of the best possible ranking of a generated collection."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import numpy as np
import numpy.typing as npt

from examples.multilabel.model import relevance


def ceiling(
    posteriors: Mapping[str, npt.NDArray[np.float64]],
    labels_NC: npt.NDArray[np.uint8],
    *,
    queries: int,
    seed: int,
) -> dict[str, float]:
    """mAP@all of ranking by the probability of relevance, for each direction.

    Args:
        posteriors: of the test items by modality, float64 (N, C), row for row the same items.
        labels_NC: of the test items, for what is relevant.
        queries: so many of them, drawn with ``seed``, against all items.
        seed: of that draw.
    """
    items = len(labels_NC)
    drawn = np.random.default_rng(seed).choice(items, size=min(queries, items), replace=False)
    return {
        f"{query} to {gallery}": float(
            np.mean(
                [
                    average_precision(
                        relevance(posteriors[query][item], posteriors[gallery]),
                        (labels_NC @ labels_NC[item]) > 0,
                    )
                    for item in drawn
                ]
            )
        )
        for query, gallery in permutations(posteriors, 2)
    }


def average_precision(
    scores_G: npt.NDArray[np.float64], relevant_G: npt.NDArray[np.bool_]
) -> float:
    """Of one ranking; equal scores stand in gallery order."""
    found = np.flatnonzero(relevant_G[np.argsort(-scores_G, kind="stable")])
    return float(np.mean(np.arange(1, len(found) + 1) / (found + 1)))
