"""Tables in parts: a range of the samples, parts put together, and parts in files.

A part in files has the vectors of its samples as checked float32, extracted if they were raw items,
and their labels, splits and names. All of a table's parts together are that table.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from sdml.errors import DataError, IntegrityError, UserError
from sdml.experiment import ModalitySettings
from sdml.features.extractors import make_extractor
from sdml.features.extractors.fitted import (
    FittedExtractor,
    extractor_from_objects,
    extractor_to_objects,
)
from sdml.features.npy_files import NpyFiles, Written
from sdml.features.rows import Rows, block_rows
from sdml.features.stored import write_npy
from sdml.features.table import AnyArray, Table
from sdml.rowfile import RowFile

VECTORS = "vectors.npy"
_LABELS, _SPLIT, _ITEMS = "labels.npy", "split.npy", "items.json"


def part_of(
    table: Table,
    settings: ModalitySettings,
    index: int,
    count: int,
    *,
    where: str,
    fetch: Callable[[Path], object],
) -> Table:
    """Part ``index`` (from 1) of ``count``, with vectors; they are extracted when they are read.

    Args:
        table: as it was read for ``settings``.
        settings: the modality's settings.
        index: which part.
        count: of how many.
        where: names the modality in errors.
        fetch: called for each raw file of the part, which may be empty before.

    Raises:
        UserError: fewer samples than parts, or an extractor that learns from all of them.
    """
    if count > len(table):
        raise UserError(
            f"{where}: shards must not exceed the {len(table)} samples, but is {count}: lower it"
        )
    start, stop = len(table) * (index - 1) // count, len(table) * index // count
    features, fitted = table.features, None
    if features is not None:
        features = features.part(start, stop)
    else:
        assert table.raw is not None
        assert settings.extractor is not None
        extractor = make_extractor(settings.extractor, where=where)
        if extractor.learns:
            raise UserError(
                f"{where}: extractor {extractor.name} learns from all training samples, so it "
                "cannot work on a shard of them: leave shards out"
            )
        for item in table.raw[start:stop]:
            if isinstance(item, Path):
                fetch(item)
        fitted = FittedExtractor.fit(extractor, [])
        features = fitted.rows(table.raw[start:stop], where=where)
    return Table(
        features=features,
        labels=table.labels[start:stop],
        split_N=None if table.split_N is None else table.split_N[start:stop],
        items=table.items and table.items[start:stop],
        extractor=fitted,
    )


def joined_tables(tables: Sequence[Table], *, where: str) -> Table:
    """One table of several of vectors, in their order.

    Raises:
        DataError: widths, types of labels, or whether there is a split, differ.
    """
    vectors = [table.features for table in tables if table.features is not None]
    labels = [table.labels for table in tables]
    if len({(part.dtype.kind, part.shape[1:]) for part in labels}) > 1:
        raise DataError(f"{where}: labels of all files must be of one type and width")
    splits = [table.split_N for table in tables if table.split_N is not None]
    if len(splits) not in (0, len(tables)):
        raise DataError(f"{where}: either all files or none must bring a split")
    items = [table.items for table in tables if table.items is not None]
    return Table(
        features=Rows.joined(vectors, where=where),
        labels=np.concatenate(labels),
        split_N=np.concatenate(splits) if splits else None,
        items=tuple(item for some in items for item in some) if items else None,
        extractor=tables[0].extractor,
    )


def write_part(table: Table, folder: Path) -> tuple[Written, dict[str, bytes]]:
    """The vectors of a part as a file in ``folder``, and its other objects by name.

    Raises:
        DataError: a value is not finite, or an item cannot be read.
        OSError: the file takes no more.
    """
    assert table.features is not None
    with NpyFiles(table.features.shape[1]) as files:
        growing = files.open(folder / VECTORS, len(table))
        for block_BD in table.features.blocks():
            files.add(growing, block_BD)
        [vectors] = files.finish()
    objects = {_LABELS: _npy(table.labels), _ITEMS: json.dumps(table.items).encode()}
    if table.split_N is not None:
        objects[_SPLIT] = _npy(table.split_N)
    return vectors, objects | extractor_to_objects(table.extractor)


def read_part(read: Callable[[str], Path], names: Sequence[str], *, where: str) -> Table:
    """A part from its objects; ``read`` gives a local file for a named one.

    Raises:
        IntegrityError: they do not belong together.
    """
    try:
        mapped = np.load(read(VECTORS), mmap_mode="r", allow_pickle=False)
        labels = np.load(read(_LABELS), allow_pickle=False)
        split_N = np.load(read(_SPLIT), allow_pickle=False) if _SPLIT in names else None
        items = json.loads(read(_ITEMS).read_bytes())
    except ValueError as error:
        raise IntegrityError(f"{where}: cannot be loaded: {error}") from error
    file = RowFile.behind(mapped)
    if file is None or len(mapped) != len(labels):
        raise IntegrityError(f"{where}: its vectors are not those of its {len(labels)} samples")
    return Table(
        features=_rows(file, where),
        labels=labels,
        split_N=split_N,
        items=items and tuple(items),
        extractor=extractor_from_objects(lambda name: read(name).read_bytes()),
    )


def _rows(file: RowFile, where: str) -> Rows:
    def read() -> Iterator[AnyArray]:
        samples, width = file.shape
        buffer_BD = np.empty((min(block_rows(width), samples), width), dtype=np.float32)
        for start in range(0, samples, len(buffer_BD)):
            block_BD = buffer_BD[: samples - start]
            file.block(start, block_BD)
            yield block_BD

    return Rows(file.shape, read, dtype=np.dtype(np.float32), where=where)


def _npy(array: AnyArray) -> bytes:
    buffer = io.BytesIO()
    write_npy(buffer, array)
    return buffer.getvalue()
