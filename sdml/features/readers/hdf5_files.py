"""HDF5 files, and MATLAB's version 7.3 files, which are HDF5 with every array transposed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import h5py
import numpy as np

from sdml.errors import DataError
from sdml.features.files import reading
from sdml.features.readers.source import Source
from sdml.features.rows import Rows, block_rows
from sdml.features.table import AnyArray


class Hdf5Source(Source):
    """Data sets of an HDF5 file; one inside groups is named by its path, ``group/X``."""

    kind = "an HDF5 file"

    def __init__(self, path: Path, *, where: str) -> None:
        super().__init__(path, where=where)
        with reading(path, self.kind, where=where):
            self._file = h5py.File(path, "r")

    def names(self) -> list[str]:
        """Paths of all data sets."""
        found: list[str] = []

        def visit(name: str, node: object) -> None:
            if isinstance(node, h5py.Dataset):
                found.append(name)

        with reading(self.path, self.kind, where=self.owner):
            self._file.visititems(visit)
        return found

    def array(self, name: str) -> AnyArray:
        """One data set, in memory; variable-length strings come back as str."""
        return self._stored(self._dataset(name))

    def rows(self, name: str, *, aside: Collection[str] = ()) -> Rows:
        """One data set, as many of its chunks at a time as a block needs."""
        dataset = self._dataset(name)
        if dataset.ndim != 2 or dataset.dtype.kind not in "fiub":
            return super().rows(name, aside=aside)
        return self._rows(name, axis=0)

    def _rows(self, name: str, *, axis: int) -> Rows:
        """A matrix whose samples lie along ``axis``."""
        dataset = self._dataset(name)
        shape = (dataset.shape[axis], dataset.shape[1 - axis])
        chunk = dataset.chunks[axis] if dataset.chunks else 1
        step = -(-block_rows(shape[1]) // chunk) * chunk
        kind = f"{self.kind} (data set {dataset.name!r})"

        def read() -> Iterator[AnyArray]:
            with reading(self.path, kind, where=self.owner), h5py.File(self.path, "r") as file:
                for start in range(0, shape[0], step):
                    part = slice(start, start + step)
                    yield file[name][part] if axis == 0 else file[name][:, part].T

        return Rows(shape, read, dtype=dataset.dtype, where=self.place(name))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _dataset(self, name: str) -> h5py.Dataset:
        with reading(self.path, self.kind, where=self.owner):
            node = self._file.get(name)
        if not isinstance(node, h5py.Dataset):
            raise self.missing(name)
        return node

    def _stored(self, dataset: h5py.Dataset) -> AnyArray:
        with reading(self.path, f"{self.kind} (data set {dataset.name!r})", where=self.owner):
            if h5py.check_string_dtype(dataset.dtype):
                return np.asarray(dataset.asstr("utf-8")[...]).astype(np.str_)
            return np.asarray(dataset[...])


class Mat73Source(Hdf5Source):
    """Variables of a MATLAB 7.3 file, turned back to MATLAB's own orientation."""

    kind = "a MATLAB 7.3 file"

    def names(self) -> list[str]:
        """All variables; MATLAB keeps the cells' contents under ``#refs#``."""
        return [name for name in super().names() if not name.startswith("#")]

    def array(self, name: str) -> AnyArray:
        """One numeric or logical array, character matrix, or cell array of texts."""
        dataset = self._dataset(name)
        matlab_class = _class(dataset)
        if dataset.attrs.get("MATLAB_empty", 0):
            return np.empty((0, 0))
        if matlab_class == "char":
            return np.array(_texts(self._stored(dataset)), dtype=np.str_)
        if matlab_class == "cell":
            return self._cells(name, dataset)
        return self._stored(dataset).T

    def rows(self, name: str, *, aside: Collection[str] = ()) -> Rows:
        """A numeric variable, by blocks of MATLAB's rows."""
        dataset = self._dataset(name)
        plain = _class(dataset) not in ("char", "cell") and not dataset.attrs.get("MATLAB_empty", 0)
        if plain and dataset.ndim == 2 and dataset.dtype.kind in "fiub":
            return self._rows(name, axis=1)
        return Source.rows(self, name, aside=aside)

    def _cells(self, name: str, dataset: h5py.Dataset) -> AnyArray:
        texts = []
        with reading(self.path, f"{self.kind} (cell array {name!r})", where=self.owner):
            for reference in dataset[...].T.reshape(-1):
                cell = self._file[reference]
                if cell.attrs.get("MATLAB_empty", 0):
                    texts.append("")
                    continue
                if _class(cell) != "char":
                    raise DataError(
                        f"{self.where}: {name!r} is a cell array of other things than texts: "
                        "save a plain array"
                    )
                texts.append("".join(_texts(cell[...])))
        return np.array(texts, dtype=np.str_)


def _class(dataset: h5py.Dataset) -> str:
    """MATLAB's class of a variable; MATLAB stores bytes, some other writers str."""
    name = dataset.attrs.get("MATLAB_class", "")
    return name.decode() if isinstance(name, bytes) else str(name)


def _texts(codes: AnyArray) -> list[str]:
    """Rows of a MATLAB character matrix, stored as (columns, rows) of UTF-16 units."""
    return [
        np.ascontiguousarray(row, dtype="<u2").tobytes().decode("utf-16-le").rstrip()
        for row in codes.T
    ]
