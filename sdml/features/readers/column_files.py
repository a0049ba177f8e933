"""Files of columns: .parquet, .csv and .tsv.

Feature columns are the one named by the key (in parquet it may hold lists), or those named by the
key and a number (``X0``, ``X1``, …, in the order of the numbers). Under the default key, a file
with neither gives every numeric column other than labels and split.
"""

from __future__ import annotations

import logging
import re
from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from sdml.errors import DataError
from sdml.experiment import KeySettings
from sdml.features.files import reading
from sdml.features.labels import parse
from sdml.features.readers.source import Source
from sdml.features.rows import Rows, block_rows
from sdml.features.table import AnyArray

logger = logging.getLogger(__name__)

_DEFAULT_KEY = KeySettings().features
_LOOKED_AT = 1000  # cells of a column that is no number
_CSV_BLOCK_BYTES = 1 << 26


class ColumnSource(Source):
    """Columns with types, read when asked for."""

    kind = "a table"
    schema: pa.Schema

    @abstractmethod
    def _read(self, names: Sequence[str]) -> pa.Table:
        """Those columns."""

    def names(self) -> list[str]:
        """All columns."""
        return list(self.schema.names)

    def array(self, name: str) -> AnyArray:
        """Labels or splits: a column, a column of lists, or numbered columns side by side."""
        if name not in self.names():
            return self._matrix(self._numbered(name) or [name])
        field = self.schema.field(name)
        if _is_list(field.type):
            return self._lists(name)
        column = self._column(name)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            return self._texts(column)
        if pa.types.is_integer(column.type) and column.null_count:
            column = pa.compute.fill_null(column, -1)
        return np.asarray(column.to_numpy())

    def features(self, name: str, *, aside: Collection[str] = ()) -> AnyArray:
        """Feature columns side by side, (N, D)."""
        names, listed = self._chosen(name, aside)
        return self._lists(name) if listed else self._matrix(names)

    def _chosen(self, name: str, aside: Collection[str]) -> tuple[list[str], bool]:
        """The feature columns; and whether they are one that holds lists."""
        if name in self.names():
            return [name], _is_list(self.schema.field(name).type)
        numbered = self._numbered(name)
        if numbered or name != _DEFAULT_KEY:
            return numbered or [name], False
        others = {column for key in aside for column in (key, *self._numbered(key))}
        free = [column for column in self.names() if column not in others]
        numeric = [column for column in free if _is_number(self.schema.field(column).type)]
        if not numeric:
            raise self.missing(name)
        if len(numeric) < len(free):
            left = sorted(set(free) - set(numeric))
            logger.info("%s: columns that are not numeric are left out: %s", self.where, left)
            for column in left:
                self._look_for_numbers(column)
        return numeric, False

    def _look_for_numbers(self, name: str) -> None:
        """Warn of a column that was left out for a few cells."""
        if not pa.types.is_string(self.schema.field(name).type):
            return
        texts = [text or "" for text in self._column(name).slice(0, _LOOKED_AT).to_pylist()]
        written = [row for row, text in enumerate(texts) if text]
        wrong = [row for row in written if not _reads_as_number(texts[row])]
        if wrong and 2 * len(wrong) < len(written):
            logger.warning(
                "%s: column %r is left out, though most of it is numbers: row %d, counted from 0, "
                "holds %r: correct or empty such cells to have it as a feature",
                self.where,
                name,
                wrong[0],
                texts[wrong[0]],
            )

    def text_column(self, name: str) -> list[str]:
        """A column as texts, empty where nothing is written."""
        if name not in self.names():
            raise self.missing(name)
        column = pa.compute.cast(self._column(name), pa.string())
        return [text or "" for text in column.to_pylist()]

    def _texts(self, column: pa.ChunkedArray) -> AnyArray:
        return np.array([text or "" for text in column.to_pylist()], dtype=np.str_)

    def _numbered(self, name: str) -> list[str]:
        pattern = re.compile(re.escape(name) + r"(\d+)")
        found = [(int(m[1]), m[0]) for m in map(pattern.fullmatch, self.names()) if m]
        return [column for _, column in sorted(found)]

    def _column(self, name: str) -> pa.ChunkedArray:
        with reading(self.path, f"{self.kind} (column {name!r})", where=self.owner):
            column = self._read([name]).column(name)
            if pa.types.is_dictionary(column.type):
                column = pa.compute.cast(column, column.type.value_type)
            return column

    def _matrix(self, names: Sequence[str]) -> AnyArray:
        """Numeric columns side by side; empty cells become NaN."""
        self._check_numeric(names)
        with reading(self.path, self.kind, where=self.owner):
            return _side_by_side(self._read(names))

    def _check_numeric(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self.names():
                raise self.missing(name)
            kind = self.schema.field(name).type
            if not (_is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
                raise DataError(f"{self.where}: column {name!r} must be numeric, not {kind}")

    def _lists(self, name: str) -> AnyArray:
        """A column of equally long lists as a matrix."""
        return self._list_block(name, self._column(name), None, 0)

    def _list_block(self, name: str, column: Any, width: int | None, row: int) -> AnyArray:
        """Lists of one length as a matrix; the first stands in ``row`` of the column."""
        lengths = pa.compute.fill_null(pa.compute.list_value_length(column), -1).to_numpy(
            zero_copy_only=False
        )
        if width is None:
            width = int(lengths[0]) if len(lengths) else 0
        uneven = np.flatnonzero((lengths != width) | (lengths < 0))
        if len(uneven):
            held, at = lengths[uneven[0]], row + uneven[0]
            raise DataError(
                f"{self.where}: column {name!r} must hold lists of one length, but row 0 holds "
                f"{width} values and row {at} {held}"
                if held >= 0 and width >= 0
                else f"{self.where}: column {name!r} must hold a list in each row, but row "
                f"{at} (counted from 0) is empty"
            )
        if not (_is_number(column.type.value_type) or pa.types.is_boolean(column.type.value_type)):
            raise DataError(f"{self.where}: column {name!r} must hold lists of numbers")
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        parts = [_doubles(chunk.flatten()) for chunk in chunks]
        return np.concatenate(parts).reshape(len(column), width)


class ParquetSource(ColumnSource):
    """A .parquet file; only the columns asked for are read."""

    kind = "a parquet file"

    def __init__(self, path: Path, *, where: str) -> None:
        super().__init__(path, where=where)
        with reading(path, self.kind, where=where):
            self._file = pa.parquet.ParquetFile(path)
            self.schema = self._file.schema_arrow
            _check_distinct(self)

    def _read(self, names: Sequence[str]) -> pa.Table:
        return self._file.read(columns=list(names))

    def rows(self, name: str, *, aside: Collection[str] = ()) -> Rows:
        """Feature columns, a row group in memory at a time."""
        names, listed = self._chosen(name, aside)
        samples = self._file.metadata.num_rows
        if not listed:
            self._check_numeric(names)
        width = self._list_width(name) if listed else len(names)
        step = block_rows(width)

        def read() -> Iterator[AnyArray]:
            row = 0
            with (
                reading(self.path, self.kind, where=self.owner),
                pa.parquet.ParquetFile(self.path) as file,
            ):
                for batch in file.iter_batches(batch_size=step, columns=names):
                    if listed:
                        yield self._list_block(name, batch.column(0), width, row)
                    else:
                        yield _side_by_side(batch)
                    row += batch.num_rows

        dtype = np.dtype(np.float64)
        return Rows((samples, width), read, dtype=dtype, where=self.place(name))

    def _list_width(self, name: str) -> int:
        """How many values the first list holds."""
        with reading(self.path, f"{self.kind} (column {name!r})", where=self.owner):
            for batch in self._file.iter_batches(batch_size=1, columns=[name]):
                return int(self._list_block(name, batch.column(0), None, 0).shape[1])
        return 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class CsvSource(ColumnSource):
    """A .csv or .tsv file with a header line; ``text`` columns are kept as they are written."""

    kind = "a table of text"

    def __init__(self, path: Path, *, where: str, text: Collection[str] = ()) -> None:
        super().__init__(path, where=where)
        with reading(path, self.kind, where=where):
            self._table = pa.csv.read_csv(
                path,
                read_options=pa.csv.ReadOptions(block_size=_CSV_BLOCK_BYTES),
                parse_options=pa.csv.ParseOptions(
                    delimiter="\t" if path.suffix.lower() == ".tsv" else ",",
                    newlines_in_values=True,
                ),
                convert_options=pa.csv.ConvertOptions(
                    column_types=dict.fromkeys(text, pa.string())
                ),
            )
            self.schema = self._table.schema
            _check_distinct(self)

    def _read(self, names: Sequence[str]) -> pa.Table:
        return self._table.select(list(names))

    def _texts(self, column: pa.ChunkedArray) -> AnyArray:
        return parse([text or "" for text in column.to_pylist()])


def _check_distinct(source: ColumnSource) -> None:
    names = source.names()
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{source.where}: column names must differ, but {twice[0]!r} stands twice")


def _is_list(kind: Any) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _side_by_side(columns: pa.Table | pa.RecordBatch) -> AnyArray:
    """Numeric columns as a float64 matrix."""
    result = np.empty((columns.num_rows, columns.num_columns), dtype=np.float64)
    for index, column in enumerate(columns.columns):
        result[:, index] = _doubles(column)
    return result


def _doubles(values: Any) -> AnyArray:
    """Numbers as float64, NaN where there is none."""
    return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
