"""Tables from files of vectors: opened by extension, features and labels found by key."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from sdml.errors import DataError
from sdml.experiment import SPLITS, KeySettings, ModalitySettings, SplitName
from sdml.features.files import existing_file, files_of, is_glob
from sdml.features.label_files import read_labels
from sdml.features.labels import normalise
from sdml.features.readers.source import Source
from sdml.features.rows import Rows
from sdml.features.splitting import SplitArray, given_split
from sdml.features.table import AnyArray, Table
from sdml.features.table_parts import joined_tables

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
    """The table in a file of vectors, or in all files of a glob, one after the other.

    Raises:
        DataError: as :func:`sdml.features.read_table`.
    """
    if not is_glob(settings.source):
        return _table_of_file(settings, where=where)
    root, below = files_of(settings.source, where=where)
    sources = [settings.model_copy(update={"source": str(root / path)}) for path in below]
    place = f"{where}: {settings.source}"
    if settings.labels is None:
        return joined_tables([_table_of_file(one, where=where) for one in sources], where=place)
    if isinstance(settings.labels, dict) or isinstance(settings.keys.features, dict):
        raise DataError(
            f"{place}: labels of several files must be in one file, or in the files themselves, "
            "and not be given by split: join them"
        )
    return _with_labels(sources, settings.labels, where=where, place=place)


def _with_labels(
    sources: Sequence[ModalitySettings], labels: str, *, where: str, place: str
) -> Table:
    """The table of several files whose labels all lie in one of their own, in the same order."""
    path = Path(labels)
    given = normalise(read_labels(path, where=where), where=f"{where}: {path}")
    tables: list[Table] = []
    for one in sources:
        key, aside = str(one.keys.features), (str(one.keys.labels), one.keys.split)
        with open_source(Path(one.source), where=where, text=aside) as source:
            features = source.rows(key, aside=aside)
            split_N = _split(source, one.keys, len(features))
        start = sum(map(len, tables))
        tables.append(
            Table(features=features, labels=given[start : start + len(features)], split_N=split_N)
        )
        _check_length(given[: start + len(features)], start + len(features), f"{where}: {path}")
    _check_length(given, sum(map(len, tables)), f"{where}: {path}")
    return joined_tables(tables, where=place)


def _table_of_file(settings: ModalitySettings, *, where: str) -> Table:
    keys = settings.keys
    aside = [keys.split]
    aside += keys.labels.values() if isinstance(keys.labels, dict) else [keys.labels]
    with open_source(Path(settings.source), where=where, text=aside) as source:
        if isinstance(keys.features, dict):
            return _table_by_split(source, settings, keys.features, aside, where)
        features = source.rows(keys.features, aside=aside)
        samples = len(features)
        labels = _labels(source, settings, None, samples, where)
        split_N = _split(source, keys, samples)
    return Table(features=features, labels=labels, split_N=split_N)


def _split(source: Source, keys: KeySettings, samples: int) -> SplitArray | None:
    """The split that the file brings, or None."""
    if source.has(keys.split):
        place = f"{source.where}: {keys.split}"
        split_N = given_split(source.array(keys.split), where=place)
        _check_length(split_N, samples, place)
        return split_N
    if keys.split != _DEFAULT.split:
        raise source.missing(keys.split)
    return None


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
            features.append(source.rows(keys[name], aside=aside))
            labels.append(_labels(source, settings, name, len(features[-1]), where))
            split.append(np.full(len(features[-1]), number, dtype=np.int8))
    for what, shapes in (
        ("features", [part.shape for part in features]),
        ("labels", [part.shape for part in labels]),
    ):
        if len({shape[1:] for shape in shapes}) > 1:
            widths = ", ".join(map(str, shapes))
            raise DataError(f"{source.where}: {what} of all splits must agree in width: {widths}")
    if len({part.dtype.kind for part in labels}) > 1:
        raise DataError(f"{source.where}: labels of all splits must be of one type")
    return Table(
        features=Rows.joined(features, where=source.where),
        labels=np.concatenate(labels),
        split_N=np.concatenate(split),
    )


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
