"""A feature set: one modality's checked, transformed vectors in three splits."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdml.errors import DataError
from sdml.experiment import SPLITS, ModalitySettings, SplitName
from sdml.features.extractors import make_extractor
from sdml.features.extractors.fitted import FittedExtractor
from sdml.features.labels import class_counts, class_names, encode, is_labelled
from sdml.features.splitting import SplitArray, assign_splits
from sdml.features.table import TRAIN, UNUSED, AnyArray, FloatArray, Item, Table
from sdml.features.train_labels import worsen
from sdml.features.transforms import TransformState, fit_in_place
from sdml.features.validation import row_digests

logger = logging.getLogger(__name__)

Labels = npt.NDArray[np.int32] | npt.NDArray[np.uint8]
_SHOWN = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Samples of one split.

    Attributes:
        features_ND: float32, transformed; memory-mapped when loaded from a store.
        labels: int32 (N,), -1 = unlabelled; or uint8 (N, C) multi-hot, a row of zeros likewise.
        items: what each sample is, for people to read, or None.
    """

    features_ND: FloatArray
    labels: Labels
    items: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureSet:
    """The three splits, and how new samples are brought to the same form."""

    splits: dict[SplitName, Split]
    transform: TransformState
    extractor: FittedExtractor | None


def training_classes(table: Table, *, where: str) -> list[str]:
    """The classes that this table's training samples bring to the collection, sorted.

    Without splits in the source all samples count: a drawn split leaves every class in train.
    Multi-hot rows bring "0" … "C-1".

    Raises:
        DataError: no training sample is labelled.
    """
    labels = table.labels if table.split_N is None else table.labels[table.split_N == TRAIN]
    names = class_names(labels) if labels.ndim == 1 or labels.any() else []
    if not names:
        raise DataError(
            f"{where}: at least one training sample must have a label, none has: "
            "correct the labels or the split"
        )
    return names


def build_feature_set(
    table: Table, settings: ModalitySettings, classes: Sequence[str], *, name: str
) -> FeatureSet:
    """Split, encode labels, extract, check and transform; what is fitted is fitted on train only.

    Args:
        table: as :func:`~sdml.features.readers.read_table` returned it for ``settings``.
        settings: the modality's settings.
        classes: the collection's ordered class names.
        name: the modality's name, for messages.

    Raises:
        DataError: a label outside ``classes``, an empty split, an unlabelled sample outside
            train, a class that train lacks (unless ``missing_class: warn``), or bad raw items.
    """
    where = f"modality {name}: {settings.source}"
    encoded = encode(table.labels, classes, where=where)
    try:
        split_N = assign_splits(table.split_N, encoded, len(classes), settings.split)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    _check_splits(split_N, encoded, where)
    if not settings.train_labels.as_they_are:
        encoded = _worsened(encoded, split_N == TRAIN, settings, len(classes), name, where)
    _check_classes(encoded[split_N == TRAIN], classes, settings, where)
    rows = {split: np.flatnonzero(split_N == number) for number, split in enumerate(SPLITS)}
    vectors, extractor = _vectors(table, settings, rows, where)
    _warn_of_duplicates(vectors, where)
    transform = fit_in_place(vectors["train"], settings.transform, where=f"{where}: train")
    for split in SPLITS[1:]:
        transform.apply_in_place(vectors[split], where=f"{where}: {split}")
    splits = {
        split: Split(
            features_ND=vectors[split],
            labels=encoded[rows[split]],
            items=tuple(table.items[row] for row in rows[split]) if table.items else None,
        )
        for split in SPLITS
    }
    return FeatureSet(splits=splits, transform=transform, extractor=extractor)


def _worsened(
    encoded: AnyArray,
    train_N: npt.NDArray[np.bool_],
    settings: ModalitySettings,
    classes: int,
    name: str,
    where: str,
) -> AnyArray:
    """The labels with those of the training split hidden or wrong, as the settings ask."""
    try:
        labels, hidden, wrong = worsen(encoded[train_N], settings.train_labels, classes, name=name)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    logger.info(
        "%s: of %d training samples %d lose their labels and %d get wrong ones, as train_labels "
        "asks",
        where,
        len(labels),
        hidden,
        wrong,
    )
    encoded = encoded.copy()
    encoded[train_N] = labels
    return encoded


def _check_splits(split_N: SplitArray, encoded: AnyArray, where: str) -> None:
    labelled = is_labelled(encoded)
    for number, split in enumerate(SPLITS):
        inside = split_N == number
        if not inside.any():
            raise DataError(
                f"{where}: split {split} must hold at least one sample, but it is empty: correct "
                "the source's split, or the shares under split"
            )
        bare = np.flatnonzero(inside & ~labelled)
        if number != TRAIN and len(bare):
            raise DataError(
                f"{where}: only train may hold unlabelled samples, but {len(bare)} of split "
                f"{split} have no label, the first at row {bare[0]} (counted from 0): "
                "label them, or give them to train"
            )
    unused = int((split_N == UNUSED).sum())
    if unused:
        logger.warning(
            "%s: %d of %d samples are in no split: raise split.train to use them",
            where,
            unused,
            len(split_N),
        )


def _check_classes(
    train_labels: AnyArray, classes: Sequence[str], settings: ModalitySettings, where: str
) -> None:
    counts = class_counts(train_labels, len(classes))
    missing = [name for name, count in zip(classes, counts, strict=True) if not count]
    if not missing:
        return
    shown = ", ".join(map(repr, missing[:_SHOWN])) + (", …" if len(missing) > _SHOWN else "")
    problem = f"{where}: {len(missing)} of {len(classes)} classes have no training sample: {shown}"
    if settings.missing_class == "refuse":
        raise DataError(f"{problem}: add samples, or set missing_class: warn")
    logger.warning("%s", problem)


def _vectors(
    table: Table,
    settings: ModalitySettings,
    rows: dict[SplitName, npt.NDArray[np.intp]],
    where: str,
) -> tuple[dict[SplitName, FloatArray], FittedExtractor | None]:
    """A copy of each split's rows that transforms may overwrite."""
    if table.features_ND is not None:
        features_ND = table.features_ND
        # Indexing by rows copies, also out of a memory map.
        return {split: np.ascontiguousarray(features_ND[i]) for split, i in rows.items()}, None
    assert table.raw is not None
    assert settings.extractor is not None
    items: dict[SplitName, list[Item]] = {
        split: [table.raw[row] for row in index] for split, index in rows.items()
    }
    extractor = make_extractor(settings.extractor, where=where)
    fitted = FittedExtractor.fit(extractor, items["train"])
    return {split: fitted.extract(part, where=where) for split, part in items.items()}, fitted


def _warn_of_duplicates(vectors: dict[SplitName, FloatArray], where: str) -> None:
    train = np.unique(row_digests(vectors["train"]))
    for split in SPLITS[1:]:
        count = int(np.isin(row_digests(vectors[split]), train).sum())
        if count:
            logger.warning(
                "%s: %d of %d %s samples equal a training sample",
                where,
                count,
                len(vectors[split]),
                split,
            )
