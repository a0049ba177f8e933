"""Raw items: a column of a .csv or .tsv table, or the files that a glob matches.

In a glob, folders that a wildcard matched speak: the one that holds a file names its class, and
the one above names its split when it is called train, validation or test.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sdml.errors import DataError
from sdml.experiment import SPLITS, ModalitySettings
from sdml.features.extractors import Kind, make_extractor
from sdml.features.files import existing_file, files_of, is_glob, reading
from sdml.features.labels import normalise, parse
from sdml.features.readers.column_files import CsvSource
from sdml.features.readers.vector_files import EXTENSIONS, own_labels
from sdml.features.splitting import SplitArray, given_split, split_number
from sdml.features.table import AnyArray, Item, Table

_TABLES = (".csv", ".tsv")
_SHOWN_LETTERS = 200


@dataclass(frozen=True, kw_only=True)
class RawItems:
    """Items, what people see of each, and for files their paths below the glob's fixed part."""

    items: tuple[Item, ...]
    shown: tuple[str, ...]
    below: tuple[Path, ...] = ()


def read_raw_table(settings: ModalitySettings, *, where: str) -> Table:
    """The table of a raw source. Raises DataError as :func:`sdml.features.read_table`."""
    assert settings.extractor is not None
    kind = make_extractor(settings.extractor, where=where).kind
    key = settings.keys.features
    if isinstance(key, dict):
        raise DataError(
            f"{where}: keys.features must be one column for raw items, not {key!r}: "
            "give splits by keys.split or by folder"
        )
    if is_table(settings.source):
        return _from_table(settings, key, kind, where)
    raw = glob_items(settings.source, kind, where=where)
    labels = _own(settings, len(raw.items), where)
    if labels is None:
        labels = normalise(_folder_labels(raw, settings.source, where), where=where)
    return Table(raw=raw.items, items=raw.shown, labels=labels, split_N=_folder_splits(raw, where))


def is_table(source: str) -> bool:
    """Whether a raw source is one table, rather than files that are items themselves."""
    return Path(source).suffix.lower() in _TABLES and not is_glob(source)


def files_in_table(settings: ModalitySettings, *, where: str) -> list[str]:
    """What a table names, where items are files; see :func:`sdml.features.named_files`."""
    assert settings.extractor is not None
    key = settings.keys.features
    kind = make_extractor(settings.extractor, where=where).kind
    if kind == "text" or isinstance(key, dict) or not is_table(settings.source):
        return []
    path = existing_file(Path(settings.source), where=where)
    with CsvSource(path, where=where, text={key}) as source:
        return source.text_column(key)


def table_items(source: CsvSource, key: str, kind: Kind) -> RawItems:
    """The texts of a column, or the files it names relative to the table."""
    texts = source.text_column(key)
    if not texts:
        raise DataError(f"{source.where}: must hold at least one row below its header")
    if kind == "text":
        return RawItems(items=tuple(texts), shown=tuple(map(_short, texts)))
    paths = [source.path.parent / text for text in texts]
    absent = [row for row, path in enumerate(paths) if not path.is_file()]
    if absent:
        raise DataError(
            f"{source.where}: {key}: every entry must name a file relative to the table, but "
            f"{len(absent)} of {len(paths)} do not, the first at row {absent[0]} (counted from "
            f"0): {texts[absent[0]]!r}"
        )
    return RawItems(items=tuple(paths), shown=tuple(texts))


def glob_items(source: str, kind: Kind, *, where: str) -> RawItems:
    """The files of a glob in sorted order, hidden ones left out; a plain path is one file."""
    if is_glob(source):
        root, below = files_of(source, where=where)
    else:
        path = existing_file(Path(source), where=where)
        root, below = path.parent, [Path(path.name)]
    suffixes = {path.suffix.lower() for path in below}
    vectors = sorted(suffixes & set(EXTENSIONS))
    if vectors:
        raise DataError(
            f"{where}: {source}: {vectors[0]} is not a file of raw items: "
            "leave extractor out, or narrow the glob"
        )
    paths = [root / path for path in below]
    shown = tuple(path.as_posix() for path in below)
    if kind == "text":
        return RawItems(
            items=tuple(_text(path, where) for path in paths), shown=shown, below=tuple(below)
        )
    return RawItems(items=tuple(paths), shown=shown, below=tuple(below))


def _from_table(settings: ModalitySettings, key: str, kind: Kind, where: str) -> Table:
    keys = settings.keys
    if isinstance(keys.labels, dict):
        raise DataError(f"{where}: keys.labels must be one column, not {keys.labels!r}")
    path = existing_file(Path(settings.source), where=where)
    with CsvSource(path, where=where, text={key, keys.labels, keys.split}) as source:
        raw = table_items(source, key, kind)
        labels = _own(settings, len(raw.items), where)
        if labels is None:
            place = f"{source.where}: {keys.labels}"
            labels = normalise(source.array(keys.labels), where=place)
        split_N = None
        if source.has(keys.split):
            split_N = given_split(source.array(keys.split), where=f"{source.where}: {keys.split}")
        elif keys.split != type(keys)().split:
            raise source.missing(keys.split)
    return Table(raw=raw.items, items=raw.shown, labels=labels, split_N=split_N)


def _own(settings: ModalitySettings, samples: int, where: str) -> AnyArray | None:
    if settings.labels is None:
        return None
    return own_labels(settings.labels, None, samples, where=where)


def _folder_labels(raw: RawItems, source: str, where: str) -> AnyArray:
    if any(len(path.parts) < 2 for path in raw.below):
        raise DataError(
            f"{where}: {source}: a file's class is the name of its folder, so the glob needs a "
            "wildcard for that folder, such as …/*/*.png: widen it, or give labels:"
        )
    return parse([path.parts[-2] for path in raw.below])


def _folder_splits(raw: RawItems, where: str) -> SplitArray | None:
    numbers = [split_number(path.parts[-3]) if len(path.parts) >= 3 else None for path in raw.below]
    outside = [path for path, number in zip(raw.below, numbers, strict=True) if number is None]
    if len(outside) == len(numbers):
        return None
    if outside:
        raise DataError(
            f"{where}: either all files or none must lie under folders named "
            f"{', '.join(SPLITS)}, but {len(outside)} of {len(numbers)} do not, "
            f"{outside[0].as_posix()} first"
        )
    return np.array(numbers, dtype=np.int8)


def _text(path: Path, where: str) -> str:
    with reading(path, "UTF-8 text", where=where):
        return path.read_text(encoding="utf-8-sig")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_LETTERS else line[: _SHOWN_LETTERS - 1] + "…"
