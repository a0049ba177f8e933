"""A feature set: one modality's checked, transformed vectors in three splits.

Vectors go from the source to files a block at a time, so that memory grows with the number of
samples (labels, names, a digest each) and not with their features.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sdml.errors import DataError
from sdml.experiment import SPLITS, ModalitySettings, SplitName
from sdml.features.extractors import EXTRACTORS, make_extractor
from sdml.features.extractors.fitted import FittedExtractor
from sdml.features.labels import class_counts, class_names, encode, is_labelled
from sdml.features.npy_files import Written
from sdml.features.previews import Previews, previews
from sdml.features.rows import Rows
from sdml.features.split_files import write_splits
from sdml.features.splitting import SplitArray, assign_splits
from sdml.features.table import TRAIN, UNUSED, AnyArray, FloatArray, Item, Table
from sdml.features.train_labels import worsen
from sdml.features.transforms import TransformState

logger = logging.getLogger(__name__)

Labels = npt.NDArray[np.int32] | npt.NDArray[np.uint8]
_SHOWN = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Samples of one split.

    Attributes:
        features_ND: float32, transformed; memory-mapped.
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
    """The three splits, in files, and how new samples are brought to the same form.

    Attributes:
        vectors: the file of each split's vectors, float32.
        labels: of each split, as in :class:`Split`.
        items: of each split, likewise.
        transform: fitted on train.
        extractor: the same; None when the source was vectors already.
        previews: of the test split; None where there are no raw pictures or recordings.
    """

    vectors: dict[SplitName, Written]
    labels: dict[SplitName, Labels]
    items: dict[SplitName, tuple[str, ...] | None]
    transform: TransformState
    extractor: FittedExtractor | None
    previews: Previews | None = None


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
    table: Table,
    settings: ModalitySettings,
    classes: Sequence[str],
    folder: Path,
    *,
    name: str,
    subspace: str | None = None,
) -> FeatureSet:
    """Split, encode labels, extract, check and transform; what is fitted is fitted on train only.

    Args:
        table: as :func:`~sdml.features.readers.read_table` returned it for ``settings``.
        settings: the modality's settings.
        classes: the collection's ordered class names.
        folder: where the files of vectors go.
        name: the modality's name, for messages.
        subspace: id of the stored one that fixes ``classes``, for messages; None for a new one.

    Raises:
        DataError: a label outside ``classes``, an empty split, an unlabelled sample outside
            train, a class that train lacks (unless ``missing_class: warn``), bad vectors or bad
            raw items.
        OSError: a file takes no more.
    """
    where = f"modality {name}: {settings.source}"
    encoded = encode(table.labels, classes, where=where, subspace=subspace)
    try:
        split_N = assign_splits(table.split_N, encoded, len(classes), settings.split)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    _check_splits(split_N, encoded, where)
    if not settings.train_labels.as_they_are:
        encoded = _worsened(encoded, split_N == TRAIN, settings, len(classes), name, where)
    _check_classes(encoded[split_N == TRAIN], classes, settings, where)
    rows, rows_split_N, extractor = _vectors(table, settings, split_N, where)
    made = write_splits(rows, rows_split_N, settings.transform, folder, where=where)
    held = {split: np.flatnonzero(split_N == number) for number, split in enumerate(SPLITS)}
    for split, count in made.duplicates.items():
        if count:
            logger.warning(
                "%s: %d of %d %s samples equal a training sample",
                where,
                count,
                len(held[split]),
                split,
            )
    return FeatureSet(
        vectors=made.files,
        labels={split: encoded[chosen] for split, chosen in held.items()},
        items={
            split: tuple(table.items[row] for row in chosen) if table.items else None
            for split, chosen in held.items()
        },
        transform=made.transform,
        extractor=extractor,
        previews=_previews(table, settings, held["test"]),
    )


def _previews(
    table: Table, settings: ModalitySettings, rows: npt.NDArray[np.intp]
) -> Previews | None:
    if table.raw is None or settings.extractor is None:
        return None
    return previews([table.raw[row] for row in rows], EXTRACTORS[settings.extractor.name].kind)


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
        raise DataError(
            f"{problem}: name classes as the other modalities do, add samples, or set "
            "missing_class: warn"
        )
    logger.warning("%s", problem)


def _vectors(
    table: Table, settings: ModalitySettings, split_N: SplitArray, where: str
) -> tuple[Rows, SplitArray, FittedExtractor | None]:
    """The vectors and the split of each, and what extracts them; items in no split are not."""
    if table.features is not None:
        return table.features, split_N, table.extractor
    assert table.raw is not None
    assert settings.extractor is not None
    raw = table.raw
    extractor = make_extractor(settings.extractor, where=where)
    train: list[Item] = [raw[row] for row in np.flatnonzero(split_N == TRAIN)]
    fitted = FittedExtractor.fit(extractor, train)
    used = np.flatnonzero(split_N != UNUSED)
    return fitted.rows([raw[row] for row in used], where=where), split_N[used], fitted
