"""MATLAB files of versions 4 to 7 (version 7.3 is in :mod:`.hdf5_files`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.io
import scipy.sparse

from sdml.errors import DataError
from sdml.features.files import reading
from sdml.features.readers.source import Source
from sdml.features.table import AnyArray


class MatSource(Source):
    """Variables of a .mat file, each read when asked for."""

    kind = "a MATLAB file"

    def __init__(self, path: Path, *, where: str) -> None:
        super().__init__(path, where=where)
        with reading(path, self.kind, where=where):
            self._names = [str(name) for name, _, _ in scipy.io.whosmat(str(path))]

    def names(self) -> list[str]:
        """All variables."""
        return self._names

    def array(self, name: str) -> AnyArray:
        """One array: a sparse one is filled out, a cell array of texts becomes (N,) of str."""
        if not self.has(name):
            raise self.missing(name)
        with reading(self.path, f"{self.kind} (variable {name!r})", where=self.owner):
            value = scipy.io.loadmat(str(self.path), variable_names=[name])[name]
        if scipy.sparse.issparse(value):
            return np.asarray(value.toarray())
        value = np.asarray(value)
        if value.dtype.kind == "O":
            return self._cells(name, value)
        if value.dtype.names is not None:
            raise DataError(f"{self.where}: {name!r} is a struct: save its fields as variables")
        return np.char.rstrip(value) if value.dtype.kind == "U" else value

    def _cells(self, name: str, value: AnyArray) -> AnyArray:
        cells = [np.asarray(cell) for cell in value.reshape(-1, order="F")]
        if not all((cell.dtype.kind == "U" and cell.size <= 1) or cell.size == 0 for cell in cells):
            raise DataError(
                f"{self.where}: {name!r} is a cell array of other things than texts: "
                "save a plain array"
            )
        return np.array([str(cell.item()) if cell.size else "" for cell in cells], dtype=np.str_)
