"""Tables from files of vectors: opened by extension, features and labels found by key."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from sdml.errors import DataError
from sdml.experiment import SPLITS, KeySettings, ModalitySettings, SplitName
from sdml.features.files import existing_file
from sdml.features.label_files import read_labels
from sdml.features.labels import normalise
from sdml.features.readers.source import Source
from sdml.features.splitting import given_split
from sdml.features.table import AnyArray, FloatArray, Table
from sdml.features.validation import as_float32

EXTENSIONS = (".npz", ".npy", ".mat", ".h5", ".hdf5", ".h5py", ".parquet", ".csv", ".tsv")
_DEFAULT = KeySettings()


def open_source(path: Path, *, where: str, text: Collection[str] = ()) -> Source:
    """Open a file of vectors by its extension; ``text`` names CSV columns to keep as written.

    Raises:
        DataError: missing, unreadable, or of an extension that is not among ``EXTENSIONS``.
    """
    existing_file(path, where=where)
    match path.suffix.lower():
        case ".npz":
            from sdml.features.readers.numpy_files import NpzSource

            return NpzSource(path, where=where)
        case ".npy":
            from sdml.features.readers.numpy_files import NpySource

            return NpySource(path, where=where)
        case ".mat":
            import h5py

            from sdml.features.readers.hdf5_files import Mat73Source
            from sdml.features.readers.mat_files import MatSource

            kind = Mat73Source if h5py.is_hdf5(path) else MatSource
            return kind(path, where=where)
        case ".h5" | ".hdf5" | ".h5py":
            from sdml.features.readers.hdf5_files import Hdf5Source

            return Hdf5Source(path, where=where)
        case ".parquet":
            from sdml.features.readers.column_files import ParquetSource

            return ParquetSource(path, where=where)
        case ".csv" | ".tsv":
            from sdml.features.readers.column_files import CsvSource

            return CsvSource(path, where=where, text=text)
        case suffix:
            raise DataError(
                f"{where}: {path}: vectors are read from {', '.join(EXTENSIONS)}, not "
                f"{suffix or 'a file without extension'}: convert it, or name an extractor for "
                "raw items"
            )


def read_vector_table(settings: ModalitySettings, *, where: str) -> Table:
    """The table in a file of vectors. Raises DataError as :func:`sdml.features.read_table`."""
    keys = settings.keys
    aside = [keys.split]
    aside += keys.labels.values() if isinstance(keys.labels, dict) else [keys.labels]
    with open_source(Path(settings.source), where=where, text=aside) as source:
        if isinstance(keys.features, dict):
            return _table_by_split(source, settings, keys.features, aside, where)
        features_ND = _features(source, keys.features, aside)
        samples = len(features_ND)
        labels = _labels(source, settings, None, samples, where)
        split_N = None
        if source.has(keys.split):
            place = f"{source.where}: {keys.split}"
            split_N = given_split(source.array(keys.split), where=place)
            _check_length(split_N, samples, place)
        elif keys.split != _DEFAULT.split:
            raise source.missing(keys.split)
    return Table(features_ND=features_ND, labels=labels, split_N=split_N)


def _table_by_split(
    source: Source,
    settings: ModalitySettings,
    keys: dict[SplitName, str],
    aside: Collection[str],
    where: str,
) -> Table:
    """One features array and one labels array for each split, joined in the order of splits."""
    if settings.keys.split != _DEFAULT.split:
        raise DataError(
            f"{where}: keys.features names an array for each split, so keys.split "
            f"({settings.keys.split!r}) has nothing to say: drop one of them"
        )
    features, labels, split = [], [], []
    for number, name in enumerate(SPLITS):
        if name in keys:
            features.append(_features(source, keys[name], aside))
            labels.append(_labels(source, settings, name, len(features[-1]), where))
            split.append(np.full(len(features[-1]), number, dtype=np.int8))
    for what, parts in (("features", features), ("labels", labels)):
        shapes = {part.shape[1:] for part in parts}
        if len(shapes) > 1:
            widths = ", ".join(str(part.shape) for part in parts)
            raise DataError(f"{source.where}: {what} of all splits must agree in width: {widths}")
    if len({part.dtype.kind for part in labels}) > 1:
        raise DataError(f"{source.where}: labels of all splits must be of one type")
    return Table(
        features_ND=_joined(features),
        labels=np.concatenate(labels),
        split_N=np.concatenate(split),
    )


def _joined(parts: list[FloatArray]) -> FloatArray:
    """Concatenate, letting each part go once it is copied."""
    result = np.empty((sum(map(len, parts)), parts[0].shape[1]), dtype=np.float32)
    start = len(result)
    while parts:
        part = parts.pop()
        result[start - len(part) : start] = part
        start -= len(part)
    return result


def _features(source: Source, key: str, aside: Collection[str]) -> FloatArray:
    place = f"{source.where}: {key}" if source.names() else source.where
    return as_float32(source.features(key, aside=aside), where=place)


def _labels(
    source: Source, settings: ModalitySettings, split: SplitName | None, samples: int, where: str
) -> AnyArray:
    """Labels from their own file if one is named, else from the source."""
    if settings.labels is not None:
        return own_labels(settings.labels, split, samples, where=where)
    key = _of_split(settings.keys.labels, split, "keys.labels", where)
    place = f"{source.where}: {key}"
    raw = source.array(key)
    if raw.ndim == 2 and raw.shape[0] == 1 and raw.shape[1] == samples:
        raw = raw[0]
    labels = normalise(raw, where=place)
    _check_length(labels, samples, place)
    return labels


def own_labels(
    labels: str | dict[SplitName, str], split: SplitName | None, samples: int, *, where: str
) -> AnyArray:
    """Normalised labels of a file beside the source, checked against the number of samples."""
    path = Path(_of_split(labels, split, "labels", where))
    result = normalise(read_labels(path, where=where), where=f"{where}: {path}")
    _check_length(result, samples, f"{where}: {path}")
    return result


def _of_split(
    value: str | dict[SplitName, str], split: SplitName | None, key: str, where: str
) -> str:
    """The name that holds for a split; features and labels must both be given by split or not."""
    if isinstance(value, str) and split is None:
        return value
    if isinstance(value, dict) and split is not None and split in value:
        return value[split]
    expected = "one name" if split is None else f"a name for each split, {split} too,"
    raise DataError(f"{where}: {key} must be {expected} like keys.features, not {value!r}")


def _check_length(array: AnyArray, samples: int, place: str) -> None:
    if len(array) != samples:
        raise DataError(
            f"{place}: there must be one entry for each sample: {len(array)} entries, "
            f"{samples} samples"
        )
