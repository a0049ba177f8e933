"""What one modality is trained on, checked, and its rows on the device batch by batch.

The permutation of an epoch is drawn from (seed, epoch) and N alone, so a resumed training continues
with the batches that it would have had, and a machine with less memory trains with the same ones as
any other. A split that takes more than half of the memory that is left is read from its file, batch
by batch (:mod:`.streamed`); any other is mapped, or lies on the device.

Letters: N samples, D features, C classes, B samples in a batch.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sdml.errors import DataError
from sdml.retrieval.relevance import several_labels
from sdml.rowfile import RowFile
from sdml.training.memory import available_memory
from sdml.training.streamed import RowArray, RowSource, stream

logger = logging.getLogger(__name__)

_SHARE = 0.5  # of the memory that is left: more than that, and a split is read batch by batch
_BLOCK = 1024  # rows of a split that are not trained on, at a time


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """The training and validation splits of one modality.

    Attributes:
        features_ND: float32; may be memory-mapped.
        labels: int32 (N,) with -1 for unlabelled, or uint8 (N, C) multi-hot with zero rows.
        validation_features_ND: as ``features_ND``.
        validation_labels: as ``labels``.
        partner_NK: float32, the codes that the training samples' pairs have in another modality;
            None unless the method needs them.
        validation_partner_NK: as ``partner_NK``.
    """

    features_ND: npt.NDArray[np.float32]
    labels: npt.NDArray[Any]
    validation_features_ND: npt.NDArray[np.float32]
    validation_labels: npt.NDArray[Any]
    partner_NK: npt.NDArray[np.float32] | None = None
    validation_partner_NK: npt.NDArray[np.float32] | None = None


class Samples:
    """One split: features and multi-hot targets, in place on the CPU, copied to another device.

    One that is too large for that is read from its file, or from the host's memory, with the same
    bits.
    """

    def __init__(
        self,
        features_ND: npt.NDArray[np.float32],
        labels: npt.NDArray[Any],
        *,
        classes: int,
        device: torch.device,
        name: str,
        room: int | None = None,
        partner_NK: npt.NDArray[np.float32] | None = None,
    ) -> None:
        """Check one split.

        Args:
            features_ND: see :class:`TrainingData`.
            labels: see :class:`TrainingData`.
            classes: C.
            device: where the samples go.
            name: of the split, for errors.
            room: bytes that its features may take; by default half of what ``device`` has left.
            partner_NK: see :class:`TrainingData`; K more columns of the targets.

        Raises:
            DataError: shapes do not fit together, or a label is outside the classes.
        """
        if features_ND.ndim != 2 or 0 in features_ND.shape:
            raise DataError(
                f"{name} features must be a matrix with at least one row and one column, "
                f"but their shape is {features_ND.shape}: prepare the modality again"
            )
        _check_labels(labels, classes, name)
        if len(labels) != len(features_ND):
            raise DataError(
                f"the {name} split must have one label a sample, but has {len(labels)} labels "
                f"for {len(features_ND)} samples: prepare the modality again"
            )
        if partner_NK is not None and len(partner_NK) != len(features_ND):
            raise DataError(
                f"each sample of the {name} split must have its pair, but there are "
                f"{len(partner_NK)} for {len(features_ND)} samples: prepare both modalities again"
            )
        self.labelled = int((labels.any(axis=1) if labels.ndim == 2 else labels >= 0).sum())
        self.multi_label = several_labels(labels)
        self._shape: tuple[int, int] = features_ND.shape
        self._classes_C = torch.arange(classes, device=device)
        self._device = device
        held = labels.astype(np.int32) if labels.ndim == 1 else (labels > 0).astype(np.uint8)
        self._given = _tensor(held, device)
        self._labels = self._given  # with guesses, from epoch to epoch
        self._partner_NK = None if partner_NK is None else _tensor(partner_NK, device)
        self._source = _source(features_ND, device, name, room)
        if self._source is None:
            rows_ND = np.ascontiguousarray(features_ND, dtype=np.float32)
            self._features_ND = _tensor(rows_ND, device)
        self._whole_ND = features_ND

    def __len__(self) -> int:
        return self._shape[0]

    @property
    def features(self) -> int:
        """D."""
        return self._shape[1]

    @property
    def streamed(self) -> bool:
        """Whether the features are read batch by batch."""
        return self._source is not None

    def batches(
        self, size: int, *, seed: int, epoch: int, drop_last: bool, done: int = 0
    ) -> Generator[tuple[Tensor, Tensor]]:
        """Shuffled (features_BD, targets_BC); the next batch overwrites the features of the last.

        With ``drop_last`` the N mod ``size`` samples at the end of the permutation are left out.
        The first ``done`` batches are passed over.
        """
        drawn_N = np.random.default_rng((seed, epoch)).permutation(len(self))
        order_N = torch.from_numpy(drawn_N).to(self._device)
        end = len(self) - len(self) % size if drop_last else len(self)
        starts = range(done * size, end, size)
        if self._source is not None:
            gathered = stream(self._source, drawn_N, starts, end, self._device)
        else:
            gathered = self._gathered(order_N, starts)
        with closing(gathered):
            for start, features_BD in zip(starts, gathered, strict=True):
                targets_BC = self._held_against(self._labels, order_N[start : start + size])
                yield features_BD, targets_BC

    def blocks(self, *, guesses: bool = True) -> Generator[tuple[Tensor, Tensor]]:
        """All samples in order, in blocks: (features_BD, targets_BC).

        As with :meth:`batches`, the features of one may be overwritten by the next. Without
        ``guesses`` the targets are those of the labels alone.
        """
        labels = self._labels if guesses else self._given
        starts = range(0, len(self), _BLOCK)
        if self._source is not None:
            blocks = stream(self._source, None, starts, len(self), self._device)
        else:
            blocks = (self._features_ND[start : start + _BLOCK] for start in starts)
        with closing(blocks):
            for start, features_BD in zip(starts, blocks, strict=True):
                targets_BC = self._held_against(labels, slice(start, start + _BLOCK))
                yield features_BD, targets_BC

    def labelled_classes(self) -> int:
        """How many classes have a sample, guesses apart."""
        if self._given.ndim == 2:
            return int(self._given.any(dim=0).sum())
        return len(torch.unique(self._given[self._given >= 0]))

    def guess(self, classes_N: npt.NDArray[np.int32]) -> None:
        """From now on these classes count as labels, in place of earlier guesses; -1 for none.

        Args:
            classes_N: of unlabelled samples.
        """
        guesses_N = torch.from_numpy(classes_N.copy()).to(self._device)
        if self._given.ndim == 1:
            self._labels = torch.where(guesses_N >= 0, guesses_N, self._given)
        else:
            hot_NC = (guesses_N[:, None] == self._classes_C).to(self._given.dtype)
            self._labels = self._given | hot_NC

    def some(
        self, most: int, *, seed: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Features and targets of up to ``most`` labelled samples, on the CPU."""
        labelled_N = self._given.any(dim=1) if self._given.ndim == 2 else self._given >= 0
        rows_N = np.flatnonzero(labelled_N.cpu().numpy())
        if len(rows_N) > most:
            rows_N = np.sort(np.random.default_rng(seed).permutation(rows_N)[:most])
        chosen_B = torch.from_numpy(rows_N).to(self._device)
        targets_BC = self._targets(self._given[chosen_B]).cpu().numpy()
        return np.array(self._whole_ND[rows_N], dtype=np.float32), targets_BC

    def _gathered(self, order_N: Tensor, starts: range) -> Generator[Tensor]:
        """The features of each batch, out of the tensor that holds all."""
        rows_BD = self._features_ND.new_empty((min(starts.step, len(self)), self.features))
        for start in starts:
            chosen_B = order_N[start : start + starts.step]
            features_BD = rows_BD[: len(chosen_B)]
            torch.index_select(self._features_ND, 0, chosen_B, out=features_BD)
            yield features_BD

    def _held_against(self, labels: Tensor, rows: Tensor | slice) -> Tensor:
        """Targets of some samples, and their pairs' codes, if there are any, in more columns."""
        targets_BC = self._targets(labels[rows])
        if self._partner_NK is None:
            return targets_BC
        return torch.cat((targets_BC, self._partner_NK[rows]), dim=1)

    def _targets(self, labels: Tensor) -> Tensor:
        """Multi-hot float32 (B, C) of labels in either form."""
        if labels.ndim == 2:
            return labels.float()
        return (labels[:, None] == self._classes_C).float()


def samples_of(data: TrainingData, classes: int, device: torch.device) -> tuple[Samples, Samples]:
    """The training and the validation split.

    Args:
        data: of one modality.
        classes: C.
        device: where the samples go.

    Raises:
        DataError: see :class:`Samples`.
    """
    training, validation = (
        Samples(
            features_ND,
            labels,
            classes=classes,
            device=device,
            name=name,
            partner_NK=partner_NK,
        )
        for name, features_ND, labels, partner_NK in (
            ("training", data.features_ND, data.labels, data.partner_NK),
            (
                "validation",
                data.validation_features_ND,
                data.validation_labels,
                data.validation_partner_NK,
            ),
        )
    )
    return training, validation


def _source(
    features_ND: npt.NDArray[np.float32], device: torch.device, name: str, room: int | None
) -> RowSource | None:
    """Where to read the rows from, if they are too many for the device; else None."""
    if room is None:
        free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_memory()
        room = int(_SHARE * free)
    wanted = 4 * features_ND.size
    if wanted <= room:
        return None
    source: RowSource | None = RowFile.behind(features_ND)
    if source is None and device.type == "cuda":
        source = RowArray(features_ND)
    if source is not None:
        logger.info(
            "the %s features (%d MiB) are read batch by batch: %d MiB are left for them",
            name,
            wanted >> 20,
            room >> 20,
        )
    return source


def _check_labels(labels: npt.NDArray[Any], classes: int, name: str) -> None:
    """Refuse what is neither class numbers nor a column for each class."""
    if labels.ndim == 2 and labels.shape[1] == classes:
        return
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


def _tensor(array: npt.NDArray[Any], device: torch.device) -> Tensor:
    """On the CPU the same memory, also of a read-only file map, which is only ever read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(array).to(device)
