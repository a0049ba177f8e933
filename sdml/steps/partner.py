"""The partner of method ``mtls``: the modality whose stored codes another one is trained against.

Only its stored encoder is used, as it is, so it need not be in the experiment file, and nothing of
it changes. Rows are paired by their place in the split. There are no names of samples to compare,
but labels tell whether two feature sets can be in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from sdml.errors import DataError, NotFoundError, SubspaceError
from sdml.experiment import SplitName, TrainLabelSettings
from sdml.steps.context import Context, origin
from sdml.steps.encoders import codes_of, newest_encoders, open_encoder
from sdml.steps.identity import Partner, partner_at
from sdml.store import Version

_PAIRED: tuple[SplitName, ...] = ("train", "validation")  # test samples are not trained on
_ROWS = 4096  # whose labels are compared at a time


def partner_of(context: Context, modality: str) -> str | None:
    """Whose codes a modality is trained against; None for other methods."""
    settings = context.experiment.training_of(modality).mtls
    return settings.partner if settings else None


def partner_for(
    context: Context, modality: str, partner: str, subspace: Version, uri: str | None = None
) -> Partner:
    """The partner's newest encoder for a subspace, or a given one.

    Args:
        context: the opened experiment.
        modality: that will be trained.
        partner: the other one.
        subspace: the version that the modality was prepared for.
        uri: of the encoder, instead of the newest.

    Raises:
        NotFoundError: the partner was not trained for that subspace yet.
        SubspaceError: the given encoder is of another subspace.
    """
    if uri is not None:
        given = partner_at(context.catalog, uri)
        made_for = origin(given.encoder, "subspace")
        if made_for != subspace.path:
            raise SubspaceError(
                f"{modality} and its partner must have one subspace, but {given.encoder.uri} was "
                f"trained for {made_for} and not {subspace.path}: train it again"
            )
        return given
    others = [m for m in context.catalog.modalities("encoder") if m != partner]
    found = newest_encoders(context, subspace=subspace.path, leave_out=others)
    if not found:
        raise NotFoundError(
            f"method mtls trains {modality} against the codes of {partner}, but "
            f"{context.catalog.uri} holds no encoder of {partner} for {subspace.path}: run "
            f"'sdml train FILE.yaml --modality {partner}' first"
        )
    return partner_at(context.catalog, found[0].path)


def check_paired(context: Context, features: Version, partner: Version) -> None:
    """Refuse two feature sets whose rows cannot be pairs.

    Labels that were made worse on purpose (``train_labels``) are not compared.

    Raises:
        DataError: a split has other numbers of samples, or other labels in some row.
    """
    names = [version.manifest.modality for version in (features, partner)]
    for split in _PAIRED:
        own, other = (_labels(context, version, split) for version in (features, partner))
        if len(own) != len(other):
            raise DataError(
                f"method mtls pairs samples row by row, but split {split} of {names[0]} has "
                f"{len(own)} and that of {names[1]} {len(other)}: give both the same items with "
                "the same split, and prepare both"
            )
        if split == "train" and (_noisy(features) or _noisy(partner)):
            continue
        row = first_difference(own, other)
        if row is not None:
            raise DataError(
                f"method mtls pairs samples row by row, but row {row} (counted from 0) of split "
                f"{split} has another label in {names[0]} than in {names[1]}: bring both sources "
                "into the same order, with the same split, and prepare both"
            )


def partner_codes(
    context: Context, partner: Version
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The codes (N, K) of the partner's training and validation samples.

    Computed with one thread, so that they do not depend on how many there are.

    Raises:
        IntegrityError: the encoder is damaged.
    """
    from sdml.training.threads import thread_count  # imports torch

    encoder = open_encoder(context, partner)
    with thread_count(1):
        training, validation = (codes_of(context, encoder, split)[0] for split in _PAIRED)
    return training, validation


def _labels(context: Context, version: Version, split: SplitName) -> npt.NDArray[Any]:
    path = context.catalog.local(version, f"{split}.labels.npy")
    labels: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return labels


def _noisy(version: Version) -> bool:
    said = version.manifest.settings.get("train_labels") or {}
    return TrainLabelSettings.model_validate(said).noise > 0


def first_difference(own: npt.NDArray[Any], other: npt.NDArray[Any]) -> int | None:
    """The first row, from 0, that is labelled in both, but not alike."""
    for start in range(0, len(own), _ROWS):
        rows = slice(start, start + _ROWS)
        for place, alike in enumerate(_alike(own[rows], other[rows])):
            if not alike:
                return start + place
    return None


def _alike(own: npt.NDArray[Any], other: npt.NDArray[Any]) -> Iterator[bool]:
    """Row by row; class numbers, -1 without, or a column for each class."""
    if own.ndim == other.ndim == 1:
        yield from ((own == other) | (own < 0) | (other < 0)).tolist()
        return
    classes = max(array.shape[1] for array in (own, other) if array.ndim == 2)
    one, two = (
        array > 0 if array.ndim == 2 else array[:, None] == np.arange(classes)
        for array in (own, other)
    )
    unlabelled = ~(one.any(axis=1) & two.any(axis=1))
    yield from ((one == two).all(axis=1) | unlabelled).tolist()
