"""What a method is trained on: features and labels of each modality, and the facts about them.

Letters, here and in the whole package: N samples, D features, R reduced features, K code size,
C classes, B samples of a batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sdml.features.labels import is_labelled

FloatArray = npt.NDArray[Any]
Labels = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Views:
    """One split of a collection.

    Attributes:
        features: (N, D) of each modality; N and D may differ.
        labels: class numbers (N,) with -1 for unlabelled, or multi-hot (N, C), by modality.
    """

    features: Mapping[str, FloatArray]
    labels: Mapping[str, Labels]

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names, in the order of the experiment."""
        return tuple(self.features)

    @property
    def multi_label(self) -> bool:
        """Whether a sample may have several classes."""
        return any(labels.ndim == 2 for labels in self.labels.values())

    def only(self, modalities: Iterable[str]) -> Views:
        """The views of these modalities."""
        names = tuple(modalities)
        return Views(
            features={name: self.features[name] for name in names},
            labels={name: self.labels[name] for name in names},
        )

    def labelled(self) -> Views:
        """Without the samples that have no label."""
        masks = {name: is_labelled(labels) for name, labels in self.labels.items()}
        if all(mask.all() for mask in masks.values()):
            return self
        return Views(
            features={name: x[masks[name]] for name, x in self.features.items()},
            labels={name: y[masks[name]] for name, y in self.labels.items()},
        )


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What decides whether a method can be trained on a collection."""

    modalities: int
    paired: bool
    multi_label: bool

    @classmethod
    def of(cls, train: Views) -> Facts:
        """The facts of a training split."""
        return cls(
            modalities=len(train.modalities),
            paired=are_paired(train.labels),
            multi_label=train.multi_label,
        )


def are_paired(labels: Mapping[str, Labels]) -> bool:
    """Whether row i of every modality is taken for one item.

    Feature sets do not say so. Equal labels row by row are the sign: where they mislead, rows
    are still of one class, which is what pairing by class would make.
    """
    first, *others = labels.values()
    return all(np.array_equal(first, other) for other in others)


def one_hot(labels: Labels, classes: int) -> npt.NDArray[np.float64]:
    """Labels of either form as 0 and 1 (N, C); unlabelled samples are rows of zeros."""
    if labels.ndim == 2:
        return labels.astype(np.float64)
    rows_NC = np.zeros((len(labels), classes))
    (known,) = np.nonzero(labels >= 0)
    rows_NC[known, labels[known]] = 1
    return rows_NC
