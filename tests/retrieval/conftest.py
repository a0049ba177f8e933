"""The oracle: average precision by its definition, in Python loops and float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from sdml.retrieval.protocol import Protocol


@dataclass(frozen=True)
class Expected:
    ap: list[float]
    ap_at_k: list[float]
    counted: list[bool]
    counted_at_k: list[bool]


def sets_of(labels: np.ndarray) -> list[frozenset[int]]:
    if labels.ndim == 2:
        return [frozenset(np.flatnonzero(row).tolist()) for row in labels]
    return [frozenset([int(label)]) if label >= 0 else frozenset() for label in labels]


def by_definition(
    scores_QG: np.ndarray, query_labels: np.ndarray, gallery_labels: np.ndarray, protocol: Protocol
) -> Expected:
    result = Expected([], [], [], [])
    gallery = sets_of(gallery_labels)
    for scores_G, wanted in zip(scores_QG.tolist(), sets_of(query_labels), strict=True):
        order = sorted(range(len(gallery)), key=lambda item: (-scores_G[item], item))
        if protocol.relevance == "any":
            relevant = [bool(wanted & gallery[item]) for item in order]
        else:
            relevant = [bool(wanted) and wanted == gallery[item] for item in order]
        for depth, values, counted in (
            (len(gallery), result.ap, result.counted),
            (min(protocol.top_k, len(gallery)), result.ap_at_k, result.counted_at_k),
        ):
            hits, total = 0, 0.0
            for rank, hit in enumerate(relevant[:depth], start=1):
                if hit:
                    hits += 1
                    total += hits / rank
            below = {
                "hits": hits,
                "min": min(sum(relevant), depth),
                "relevant": sum(relevant),
            }[protocol.denominator]
            values.append(total / below if below else 0.0)
            counted.append(bool(below) or protocol.empty_query == "zero")
    return result


@pytest.fixture(scope="session")
def oracle() -> Callable[..., Expected]:
    return by_definition
