"""Labels: from what a file holds to positions in the collection's ordered class names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from sdml.errors import DataError
from sdml.features.table import AnyArray

_WHOLE = re.compile(r"[+-]?\d{1,18}")
_DECIMAL = re.compile(r"[+-]?(\d{1,18}(\.\d*)?|\.\d+)(e[+-]?\d+)?|nan", re.IGNORECASE)
_CANONICAL = re.compile(r"0|-?[1-9]\d*")
_SHOWN = 5


def normalise(raw: AnyArray, *, where: str) -> AnyArray:
    """Labels as a :class:`~sdml.features.table.Table` holds them: int64, str, or uint8 (N, C).

    Whole numbers stored as floats are accepted, and a column of shape (N, 1) counts as (N,).

    Raises:
        DataError: NaN or fractions, values other than 0 and 1 in multi-hot rows, another type.
    """
    if raw.ndim == 2 and raw.shape[1] == 1:
        raw = raw[:, 0]
    if raw.ndim not in (1, 2) or 0 in raw.shape:
        raise DataError(
            f"{where}: labels must be (samples,) or multi-hot (samples, classes), "
            f"not of shape {raw.shape}"
        )
    if raw.dtype.kind not in "iubfUS" or (raw.ndim == 2 and raw.dtype.kind in "US"):
        raise DataError(
            f"{where}: labels must be whole numbers, strings or multi-hot rows of 0 and 1, "
            f"not {raw.ndim}-D of type {raw.dtype}"
        )
    if raw.ndim == 2:
        return _multi_hot(raw, where)
    if raw.dtype.kind == "S":
        try:
            return np.char.decode(raw, "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{where}: labels stored as bytes must be UTF-8: {error}") from error
    if raw.dtype.kind == "U":
        return np.asarray(raw)
    _check_whole(raw, where)
    return raw.astype(np.int64)


def parse(texts: Sequence[str]) -> AnyArray:
    """Labels that were written as text: whole numbers when all are, else strings.

    An empty text is an unlabelled sample (-1 among numbers). Numbers such as ``1.0`` or ``nan``
    come back as floats, for :func:`normalise` to accept or refuse.
    """
    written = [text for text in texts if text]
    if written and all(_WHOLE.fullmatch(text) for text in written):
        return np.array([int(text) if text else -1 for text in texts], dtype=np.int64)
    if written and all(_DECIMAL.fullmatch(text) for text in written):
        return np.array([float(text) if text else -1.0 for text in texts], dtype=np.float64)
    return np.array(texts, dtype=np.str_)


def sort_classes(names: Iterable[str]) -> list[str]:
    """Distinct class names in order: by number when all are whole numbers, else by letters."""
    distinct = set(names)
    if all(_CANONICAL.fullmatch(name) for name in distinct):
        return sorted(distinct, key=int)
    return sorted(distinct)


def class_names(labels: AnyArray) -> list[str]:
    """The sorted classes that occur in normalised labels; for multi-hot rows "0" … "C-1"."""
    if labels.ndim == 2:
        return [str(column) for column in range(labels.shape[1])]
    # With counts numpy sorts; its way without them takes ten times as long for few classes.
    present, _ = np.unique(labels, return_counts=True)
    if labels.dtype.kind == "U":
        return sort_classes(str(name) for name in present if name)
    return [str(label) for label in present[present >= 0]]


def encode(
    labels: AnyArray, classes: Sequence[str], *, where: str, subspace: str | None = None
) -> AnyArray:
    """Positions in ``classes``.

    Args:
        labels: as :func:`normalise` returns them.
        classes: the collection's ordered class names.
        where: names the labels in errors.
        subspace: id of the stored one that fixes the classes; None where they can still change.

    Returns:
        int32 (N,), -1 = unlabelled; or uint8 (N, C), a row of zeros = unlabelled.

    Raises:
        DataError: a label that is not among ``classes``, or multi-hot rows of another width.
    """
    if labels.ndim == 2:
        if labels.shape[1] != len(classes):
            raise DataError(
                f"{where}: multi-hot labels have {labels.shape[1]} columns, but the collection "
                f"has {len(classes)} classes ({_some(classes)}): {_fixed(subspace)}give one column "
                "for each class, in that order"
            )
        return labels
    present, inverse = np.unique(labels, return_inverse=True)
    position = {name: index for index, name in enumerate(classes)}
    textual = labels.dtype.kind == "U"
    codes = np.empty(len(present), dtype=np.int32)
    foreign = []
    for index, label in enumerate(present.tolist()):
        unlabelled = label == "" if textual else label < 0
        codes[index] = -1 if unlabelled else position.get(str(label), -2)
        if codes[index] == -2:
            foreign.append(str(label))
    encoded = codes[inverse]
    if foreign:
        rows = np.flatnonzero(encoded == -2)
        raise DataError(
            f"{where}: every label must be one of the collection's classes ({_some(classes)}), "
            f"but {_some(foreign)} stand{'s' if len(foreign) == 1 else ''} in {len(rows)} "
            f"row{'s' if len(rows) > 1 else ''}, the first at row {rows[0]} (counted from 0): "
            + (
                f"{_fixed(subspace)}correct the labels, leave those rows out, or give a collection "
                "with other classes another name"
                if subspace
                else "classes come from training labels; correct the labels, or list all classes "
                "in subspace.classes"
            )
        )
    return encoded


def is_labelled(encoded: AnyArray) -> npt.NDArray[np.bool_]:
    """Which samples have a label, for labels as :func:`encode` returns them."""
    return np.asarray(encoded.any(axis=1) if encoded.ndim == 2 else encoded >= 0)


def class_counts(encoded: AnyArray, classes: int) -> npt.NDArray[np.int64]:
    """How many samples carry each class, (C,), for labels as :func:`encode` returns them."""
    if encoded.ndim == 2:
        return np.asarray(encoded.sum(axis=0, dtype=np.int64))
    return np.bincount(encoded[encoded >= 0], minlength=classes).astype(np.int64)


def _check_whole(raw: AnyArray, where: str) -> None:
    if raw.dtype.kind == "f":
        # Beyond 2**53 a float no longer tells neighbouring whole numbers apart.
        values = raw.astype(np.float64)
        good = (np.abs(values) < 2.0**53) & (values == np.floor(values))
    elif raw.dtype.kind == "u":
        good = raw <= np.iinfo(np.int64).max
    else:
        return
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise DataError(
            f"{where}: labels must be whole numbers, but row {row} (counted from 0) holds "
            f"{raw[row]}: mark unlabelled samples with a negative number"
        )


def _multi_hot(raw: AnyArray, where: str) -> npt.NDArray[np.uint8]:
    bad = np.argwhere((raw != 0) & (raw != 1))
    if len(bad):
        row, column = (int(index) for index in bad[0])
        raise DataError(
            f"{where}: multi-hot labels must be 0 or 1, but row {row}, column {column} "
            f"(counted from 0) holds {raw[row, column]}"
        )
    return raw.astype(np.uint8)


def _fixed(subspace: str | None) -> str:
    return f"the stored subspace {subspace} fixes them; " if subspace else ""


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
