"""A small collection: a few training samples of each class, and a choice split beside the usual.

``validation`` is small, as it would be where training samples are few: epochs are selected by it.
``choice`` is what is left over; settings are compared on it, so that no figure of ``test`` decides
anything. Classes are numbers from 0.

Letters: N samples, D features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[Any]
Part = Literal["train", "validation", "choice", "test"]
PARTS: tuple[Part, ...] = get_args(Part)

_MOST_CHOICE, _MOST_TEST = 40, 100  # samples of a class


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Features (N, D), float32, and labels: class numbers (N,), or multi-hot (N, C)."""

    features_ND: Floats
    labels: Labels


@dataclass(frozen=True, kw_only=True)
class SmallCollection:
    """``modalities`` names each modality's parts."""

    name: str
    classes: int
    modalities: Mapping[str, Mapping[Part, Samples]]


def validation_of(per_class: int) -> int:
    """How many validation samples of a class go with so many training samples."""
    return max(4, per_class // 4)


def few(
    pool: Samples, validation_pool: Samples | None, test: Samples, *, per_class: int, seed: int
) -> dict[Part, Samples]:
    """Cut the parts from a collection's own splits.

    Args:
        pool: what training samples are drawn from.
        validation_pool: what validation samples are drawn from; None: what ``pool`` has left.
        test: at most 100 of each class are kept.
        per_class: training samples of each class; all, if there are fewer.
        seed: of every draw.
    """
    draw = np.random.default_rng((seed, per_class))
    train, rest = _parted(pool, per_class, draw)
    if validation_pool is None:
        validation, rest = _parted(rest, validation_of(per_class), draw)
    else:
        validation, others = _parted(validation_pool, validation_of(per_class), draw)
        rest = Samples(
            features_ND=np.concatenate([rest.features_ND, others.features_ND]),
            labels=np.concatenate([rest.labels, others.labels]),
        )
    return {
        "train": train,
        "validation": validation,
        "choice": _parted(rest, _MOST_CHOICE, draw)[0],
        "test": _parted(test, _MOST_TEST, draw)[0],
    }


def _parted(samples: Samples, per_class: int, draw: np.random.Generator) -> tuple[Samples, Samples]:
    """Up to so many samples of each class, and the rest, both in their old order."""
    chosen_N = np.zeros(len(samples.labels), dtype=bool)
    for label in np.unique(samples.labels):
        rows = np.flatnonzero(samples.labels == label)
        chosen_N[draw.permutation(rows)[:per_class]] = True
    one, other = (
        Samples(features_ND=samples.features_ND[rows_N], labels=samples.labels[rows_N])
        for rows_N in (chosen_N, ~chosen_N)
    )
    return one, other
