"""New samples to embed or search with: vectors, or raw items through a fitted extractor."""

from __future__ import annotations

from pathlib import Path

from sdml.errors import DataError
from sdml.experiment import KeySettings
from sdml.features.extractors import make_extractor
from sdml.features.extractors.fitted import FittedExtractor
from sdml.features.files import existing_file
from sdml.features.readers.vector_files import open_source
from sdml.features.table import FloatArray
from sdml.features.validation import as_float32

_KEYS = KeySettings()
_DEFAULT_KEY = "X"


def read_vectors(
    source: str, extractor: FittedExtractor | None, key: str = _DEFAULT_KEY
) -> FloatArray:
    """Vectors of new samples, float32 (N, D), not yet transformed.

    Args:
        source: a file of vectors; in a bare .npy one vector may be 1-D. With an extractor, a
            vector file is taken as already extracted only when it is .npy; anything else is one
            raw file, a glob (in sorted order), or a .csv/.tsv table of raw items.
        extractor: as stored with the feature set, or None.
        key: the array or column of features, where there are several.

    Raises:
        DataError: as for :func:`~sdml.features.readers.read_table`.
    """
    where = "input"
    if extractor is None or Path(source).suffix.lower() == ".npy":
        aside = (str(_KEYS.labels), _KEYS.split)
        with open_source(Path(source), where=where) as vectors:
            array = vectors.features(key, aside=aside)
            return as_float32(array[None] if array.ndim == 1 else array, where=vectors.where)
    from sdml.features.readers.column_files import CsvSource
    from sdml.features.readers.raw_items import glob_items, is_table, table_items

    kind = make_extractor(extractor.settings, where=where).kind
    if is_table(source):
        path = existing_file(Path(source), where=where)
        with CsvSource(path, where=where, text={key}) as table:
            raw = table_items(table, key, kind)
    else:
        raw = glob_items(source, kind, where=where)
    if not raw.items:
        raise DataError(f"{where}: {source}: must hold at least one item")
    return extractor.extract(raw.items, where=f"{where}: {source}")
