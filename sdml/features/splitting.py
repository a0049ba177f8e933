"""Splits: those the source brings, and seeded stratified ones for the rest.

Classes are shared out in proportion, by largest remainder, and a class with three or more samples
gets at least one in every split. A multi-label sample counts for the rarest of its classes, which
keeps rare classes in proportion and frequent ones nearly so. Unlabelled samples can only train.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from sdml.errors import DataError
from sdml.experiment import SPLITS, SplitSettings
from sdml.features.labels import class_counts, is_labelled
from sdml.features.table import TEST, TRAIN, UNUSED, VALIDATION, AnyArray

SplitArray = npt.NDArray[np.int8]
_Counts = npt.NDArray[np.int64]
_NAMES = {
    "train": TRAIN,
    "validation": VALIDATION,
    "valid": VALIDATION,
    "val": VALIDATION,
    "test": TEST,
}


def split_number(name: str) -> int | None:
    """0, 1 or 2 for the name of a split (``val`` and ``valid`` are names too), else None."""
    return _NAMES.get(name)


def given_split(raw: AnyArray, *, where: str) -> SplitArray:
    """A split array of a file, int8 (N,): it may hold 0/1/2 or the names of splits.

    Raises:
        DataError: another shape, or a value that names no split.
    """
    if raw.ndim == 2 and 1 in raw.shape:
        raw = raw.reshape(-1)
    if raw.ndim != 1 or raw.dtype.kind not in "iufUS":
        raise DataError(
            f"{where}: split must be (samples,) of 0, 1, 2 or {', '.join(SPLITS)}, "
            f"not {raw.ndim}-D of type {raw.dtype}"
        )
    values, inverse = np.unique(raw, return_inverse=True)
    numbers = [_number(value) for value in values.tolist()]
    if None in numbers:
        bad = numbers.index(None)
        row = int(np.flatnonzero(inverse == bad)[0])
        raise DataError(
            f"{where}: split must be 0, 1, 2 or {', '.join(SPLITS)}, but row {row} "
            f"(counted from 0) holds {values[bad].item()!r}"
        )
    return np.array(numbers, dtype=np.int8)[inverse]


def assign_splits(
    given_N: SplitArray | None, encoded: AnyArray, classes: int, settings: SplitSettings
) -> SplitArray:
    """The split of each sample: 0, 1, 2, or -1 for samples that the shares leave out.

    Args:
        given_N: what the source says, or None. Train and test without validation give some of
            ``settings.validation_from`` to it; anything else that is given is kept.
        encoded: labels as :func:`~sdml.features.labels.encode` returns them, (N,) or (N, C).
        classes: C.
        settings: shares and seed.

    Raises:
        DataError: more samples are asked for than there are.
    """
    generator = np.random.default_rng(settings.seed)
    labelled = np.flatnonzero(is_labelled(encoded))
    if given_N is None:
        if settings.validation_take != "drawn":
            raise DataError(
                f"split: validation_take {settings.validation_take} takes rows of a split that the "
                "source brings, but this source brings none: leave validation_take out, or name "
                "the split under keys"
            )
        return _all(labelled, encoded, classes, settings, generator)
    if {int(n) for n in range(-1, 3) if (given_N == n).any()} != {TRAIN, TEST}:
        return given_N
    source = TRAIN if settings.validation_from == "train" else TEST
    if settings.validation_take != "drawn":
        return _taken(given_N, source, settings)
    pool = labelled[given_N[labelled] == source]
    groups = _groups(encoded[pool], classes)
    sizes = np.bincount(groups, minlength=classes)
    wanted = _wanted(
        settings.validation, len(pool), f"labelled samples of {settings.validation_from}"
    )
    counts = _share(wanted, sizes, np.minimum(1, sizes // 3), np.maximum(sizes - 1, 0))
    result = given_N.copy()
    result[pool[_draw(groups, [counts], generator)[0]]] = VALIDATION
    _repair(result, encoded, np.flatnonzero(result != given_N))
    return result


def _taken(given_N: SplitArray, source: int, settings: SplitSettings) -> SplitArray:
    """The first or last rows of a split, labelled or not, whatever their classes."""
    pool = np.flatnonzero(given_N == source)
    wanted = _wanted(settings.validation, len(pool), f"samples of {settings.validation_from}")
    result = given_N.copy()
    result[pool[:wanted] if settings.validation_take == "first" else pool[-wanted:]] = VALIDATION
    return result


def _all(
    labelled: npt.NDArray[np.intp],
    encoded: AnyArray,
    classes: int,
    settings: SplitSettings,
    generator: np.random.Generator,
) -> SplitArray:
    groups = _groups(encoded[labelled], classes)
    sizes = np.bincount(groups, minlength=classes)
    lowest = np.minimum(1, sizes // 3)
    wanted = [
        _wanted(s, len(labelled), "labelled samples") for s in (settings.test, settings.validation)
    ]
    if sum(wanted) >= len(labelled) > 0:
        raise DataError(
            f"split: validation and test ask for {sum(wanted)} of {len(labelled)} labelled "
            "samples, which leaves none to train on: lower split.validation or split.test"
        )
    test = _share(wanted[0], sizes, lowest, np.maximum(sizes - 1 - lowest, 0))
    validation = _share(wanted[1], sizes, lowest, np.maximum(sizes - 1 - test, 0))
    train = sizes - test - validation
    result = np.full(len(encoded), UNUSED, dtype=np.int8)
    unlabelled = np.flatnonzero(~is_labelled(encoded))
    if not _covers(settings):
        kept = min(_rounded(settings.train * len(labelled)), int(train.sum()))
        train = _share(kept, sizes, np.minimum(1, train), train)
        unlabelled = generator.permutation(unlabelled)[: _rounded(settings.train * len(unlabelled))]
    result[unlabelled] = TRAIN
    drawn = _draw(groups, [test, validation, train], generator)
    for number, rows in zip((TEST, VALIDATION, TRAIN), drawn, strict=True):
        result[labelled[rows]] = number
    _repair(result, encoded, labelled)
    return result


def _covers(settings: SplitSettings) -> bool:
    """Whether train takes all that validation and test leave."""
    shares = (settings.train, settings.validation, settings.test)
    return settings.train == 1 or (max(shares) < 1 and sum(shares) > 1 - 1e-9)


def _number(value: object) -> int | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        number = split_number(value)
        return number if number is not None or value not in ("0", "1", "2") else int(value)
    return int(value) if value in (TRAIN, VALIDATION, TEST) else None


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)


def _wanted(share: float, available: int, what: str) -> int:
    """A share below 1 as a count (at least one), or a count that must be there to take."""
    if share < 1:
        return max(1, _rounded(share * available))
    if share >= available:
        raise DataError(
            f"split: {int(share)} samples were asked for, but of the {available} {what} some must "
            "stay: lower that count in split"
        )
    return int(share)


def _groups(encoded: AnyArray, classes: int) -> npt.NDArray[np.intp]:
    """The class that each labelled sample counts for: its label, or the rarest of its labels."""
    if encoded.ndim == 1:
        return encoded.astype(np.intp)
    counts = class_counts(encoded, classes)
    rarest_first = np.argsort(counts, kind="stable")
    rank = np.argsort(rarest_first)
    first = np.where(encoded.astype(bool), rank, classes).min(axis=1)
    return np.asarray(rarest_first[first])


def _share(total: int, sizes_C: _Counts, lowest_C: _Counts, highest_C: _Counts) -> _Counts:
    """``total`` shared out in proportion to ``sizes_C`` by largest remainder, within bounds."""
    quota = total * sizes_C / max(1, int(sizes_C.sum()))
    counts = np.clip(np.floor(quota + 1e-9).astype(np.int64), lowest_C, highest_C)
    while counts.sum() < total and (counts < highest_C).any():
        counts[np.argmax(np.where(counts < highest_C, quota - counts, -np.inf))] += 1
    while counts.sum() > total and (counts > lowest_C).any():
        counts[np.argmin(np.where(counts > lowest_C, quota - counts, np.inf))] -= 1
    return counts


def _draw(
    groups_N: npt.NDArray[np.intp], counts: list[_Counts], generator: np.random.Generator
) -> list[npt.NDArray[np.intp]]:
    """For each vector of counts, that many rows of every group, drawn without return."""
    drawn: list[list[npt.NDArray[np.intp]]] = [[] for _ in counts]
    order = np.argsort(groups_N, kind="stable")
    bounds = np.searchsorted(groups_N[order], np.arange(len(counts[0]) + 1))
    for group in range(len(counts[0])):
        rows = generator.permutation(order[bounds[group] : bounds[group + 1]])
        ends = np.cumsum([count[group] for count in counts])
        for target, part in zip(drawn, np.split(rows, ends)[:-1], strict=True):
            target.append(part)
    return [np.concatenate(parts) if parts else np.empty(0, dtype=np.intp) for parts in drawn]


def _repair(split_N: SplitArray, encoded: AnyArray, movable: npt.NDArray[np.intp]) -> None:
    """Give train back one movable sample of each class it lacks; multi-label rows only."""
    if encoded.ndim == 1:
        return
    lacking = encoded[movable].any(axis=0) & ~encoded[split_N == TRAIN].any(axis=0)
    for label in np.flatnonzero(lacking):
        if not encoded[split_N == TRAIN, label].any():
            rows = movable[encoded[movable, label] == 1]
            split_N[rows[np.argmin(split_N[rows])]] = TRAIN
