"""What one modality is trained on, checked, and its rows on the device batch by batch.

The permutation of an epoch is drawn from (seed, epoch) alone, so a resumed training continues
with the batches that it would have had.

Letters: N samples, D features, C classes, B samples in a batch.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sdml.errors import DataError
from sdml.training.scaling import Scaling

_BLOCK = 1024  # rows of a split that are not trained on, at a time


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """The training and validation splits of one modality.

    Attributes:
        features_ND: float32; may be memory-mapped.
        labels: int32 (N,) with -1 for unlabelled, or uint8 (N, C) multi-hot with zero rows.
        validation_features_ND: as ``features_ND``.
        validation_labels: as ``labels``.
    """

    features_ND: npt.NDArray[np.float32]
    labels: npt.NDArray[Any]
    validation_features_ND: npt.NDArray[np.float32]
    validation_labels: npt.NDArray[Any]


class Samples:
    """One split: features and multi-hot targets, in place on the CPU, copied to another device."""

    def __init__(
        self,
        features_ND: npt.NDArray[np.float32],
        labels: npt.NDArray[Any],
        *,
        classes: int,
        device: torch.device,
        name: str,
        scaling: Scaling | None = None,
    ) -> None:
        """Check one split.

        Args:
            features_ND: see :class:`TrainingData`.
            labels: see :class:`TrainingData`.
            classes: C.
            device: where the samples go.
            name: of the split, for errors.
            scaling: of what :meth:`batches` and :meth:`blocks` return; None leaves it as it is.

        Raises:
            DataError: shapes do not fit together, or a label is outside the classes.
        """
        if features_ND.ndim != 2 or 0 in features_ND.shape:
            raise DataError(
                f"{name} features must be a matrix with at least one row and one column, "
                f"but their shape is {features_ND.shape}: prepare the modality again"
            )
        targets_NC = _multi_hot(labels, classes, name)
        if len(targets_NC) != len(features_ND):
            raise DataError(
                f"the {name} split must have one label a sample, but has {len(targets_NC)} labels "
                f"for {len(features_ND)} samples: prepare the modality again"
            )
        self.labelled = int(targets_NC.any(axis=1).sum())
        self._features_ND = _tensor(np.ascontiguousarray(features_ND, dtype=np.float32), device)
        self._targets_NC = _tensor(targets_NC, device)
        self._scaling = None if scaling is None else scaling.tensors(device)

    def __len__(self) -> int:
        return len(self._features_ND)

    @property
    def features(self) -> int:
        """D."""
        return self._features_ND.shape[1]

    def batches(
        self, size: int, *, seed: int, epoch: int, drop_last: bool, done: int = 0
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Shuffled (features_BD, targets_BC); the next batch overwrites the features of the last.

        With ``drop_last`` the N mod ``size`` samples at the end of the permutation are left out.
        The first ``done`` batches are passed over.
        """
        order_N = torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(len(self)))
        order_N = order_N.to(self._features_ND.device)
        rows_BD = self._features_ND.new_empty((min(size, len(self)), self.features))
        end = len(self) - len(self) % size if drop_last else len(self)
        for start in range(done * size, end, size):
            chosen_B = order_N[start : start + size]
            features_BD = rows_BD[: len(chosen_B)]
            torch.index_select(self._features_ND, 0, chosen_B, out=features_BD)
            if self._scaling is not None:
                mean_D, factor = self._scaling
                features_BD.sub_(mean_D).mul_(factor)
            yield features_BD, self._targets_NC[chosen_B].float()

    def some(
        self, most: int, *, seed: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Features and targets of up to ``most`` labelled samples, on the CPU."""
        rows_N = np.flatnonzero(self._targets_NC.cpu().numpy().any(axis=1))
        if len(rows_N) > most:
            rows_N = np.sort(np.random.default_rng(seed).permutation(rows_N)[:most])
        chosen_N = torch.from_numpy(rows_N).to(self._features_ND.device)
        features_BD = self._features_ND[chosen_N]
        if self._scaling is not None:
            mean_D, factor = self._scaling
            features_BD.sub_(mean_D).mul_(factor)
        return features_BD.cpu().numpy(), self._targets_NC[chosen_N].float().cpu().numpy()

    def blocks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All samples in order, in blocks: (features_BD, targets_BC)."""
        for start in range(0, len(self), _BLOCK):
            block = slice(start, start + _BLOCK)
            features_BD = self._features_ND[block]
            if self._scaling is not None:
                mean_D, factor = self._scaling
                features_BD = (features_BD - mean_D) * factor
            yield features_BD, self._targets_NC[block].float()


def _multi_hot(labels: npt.NDArray[Any], classes: int, name: str) -> npt.NDArray[np.uint8]:
    """Labels of either form as uint8 (N, C)."""
    if labels.ndim == 2 and labels.shape[1] == classes:
        return (labels > 0).astype(np.uint8)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{name} labels must be class numbers, or one column for each of the {classes} "
            f"classes, but they are {labels.dtype} of shape {labels.shape}: prepare the modality "
            "again for this subspace"
        )
    if labels.size and not (labels.min() >= -1 and labels.max() < classes):
        raise DataError(
            f"{name} labels must lie between 0 and {classes - 1}, or be -1 for unlabelled, but "
            f"reach from {labels.min()} to {labels.max()}: prepare the modality again for this "
            "subspace"
        )
    targets_NC = np.zeros((len(labels), classes), dtype=np.uint8)
    (labelled,) = np.nonzero(labels >= 0)
    targets_NC[labelled, labels[labelled]] = 1
    return targets_NC


def _tensor(array: npt.NDArray[Any], device: torch.device) -> Tensor:
    """On the CPU the same memory, also of a read-only file map, which is only ever read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(array).to(device)
