"""Training labels made worse on purpose: some hidden, some wrong. Protocols for robustness.

*Few labels*: of each class the share ``hidden`` of the labelled samples loses its labels, and at
least one keeps them (a sample of several labels counts for its first). *Symmetric noise*: the share
``noise`` of the samples that still have labels gets wrong ones, any other class being equally
likely; a sample of k labels gets another set of k classes. So the rate is that of labels which are
wrong; where a drawn class may also be the right one, as in some publications, a rate r is
r·(C − 1)/C here.

All draws depend on the seed, the modality's name and the number of samples only: what a small rate
damages stays damaged, in the same way, at a greater one.
"""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from sdml.errors import DataError
from sdml.experiment import TrainLabelSettings
from sdml.features.labels import is_labelled
from sdml.features.table import AnyArray


def worsen(
    labels: AnyArray, settings: TrainLabelSettings, classes: int, *, name: str
) -> tuple[AnyArray, int, int]:
    """The labels of a training split with some hidden and some wrong.

    Args:
        labels: int32 (N,) with -1 for unlabelled, or uint8 (N, C); not changed.
        settings: the shares and the seed.
        classes: C.
        name: of the modality.

    Returns:
        The new labels, and how many samples were hidden and made wrong.

    Raises:
        DataError: noise, but one class only.
    """
    if settings.noise and classes < 2:
        raise DataError(
            f"label noise needs another class to draw, but there are {classes}: set noise to 0"
        )
    generator = np.random.default_rng((settings.seed, zlib.crc32(name.encode())))
    order_N = generator.permutation(len(labels))
    wrong = _wrong(labels, classes, generator)
    made = labels.copy()
    hidden_H = _to_hide(labels, order_N, settings.hidden)
    made[hidden_H] = -1 if labels.ndim == 1 else 0
    movable_N = is_labelled(made) & (True if labels.ndim == 1 else ~labels.all(axis=-1))
    candidates = order_N[movable_N[order_N]]
    chosen = candidates[: round(settings.noise * len(candidates))]
    made[chosen] = wrong[chosen]
    return made, len(hidden_H), len(chosen)


def _to_hide(labels: AnyArray, order_N: npt.NDArray[np.intp], share: float) -> AnyArray:
    """Which rows lose their labels, class by class."""
    first_N = labels if labels.ndim == 1 else labels.argmax(axis=1)
    labelled = order_N[is_labelled(labels)[order_N]]
    hidden: list[AnyArray] = [np.empty(0, dtype=np.intp)]
    for c in np.unique(first_N[labelled]):
        rows = labelled[first_N[labelled] == c]
        hidden.append(rows[: min(round(share * len(rows)), len(rows) - 1)])
    return np.concatenate(hidden)


def _wrong(labels: AnyArray, classes: int, generator: np.random.Generator) -> AnyArray:
    """Other labels for every row; a row of no labels or of all of them stays as it is."""
    if labels.ndim == 1:
        moved_N = (labels + generator.integers(1, max(classes, 2), len(labels))) % classes
        return np.where(labels >= 0, moved_N, labels).astype(labels.dtype)
    wrong_NC = labels.copy()
    counts_N = labels.sum(axis=1, dtype=np.int64)
    open_N = (counts_N > 0) & (counts_N < classes)
    while open_N.any():
        ranks_NC = generator.random(labels.shape).argsort(axis=1).argsort(axis=1)
        drawn_NC = (ranks_NC < counts_N[:, None]).astype(labels.dtype)
        wrong_NC[open_N] = drawn_NC[open_N]
        open_N &= (wrong_NC == labels).all(axis=1)
    return wrong_NC
