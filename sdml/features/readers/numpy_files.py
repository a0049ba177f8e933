""".npz archives and single .npy arrays, never with pickled objects."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from sdml.errors import DataError
from sdml.features.files import reading
from sdml.features.readers.source import Source
from sdml.features.table import AnyArray


class NpzSource(Source):
    """Named arrays of an .npz archive, each read when asked for."""

    kind = "an .npz archive"

    def __init__(self, path: Path, *, where: str) -> None:
        super().__init__(path, where=where)
        with ExitStack() as opened:
            with reading(path, self.kind, where=where):
                archive = np.load(opened.enter_context(path.open("rb")), allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(f"{self.where}: must be an archive, not a bare array: name it .npy")
            self._archive = archive
            self._opened = opened.pop_all()

    def names(self) -> list[str]:
        """The members of the archive."""
        return list(self._archive.files)

    def array(self, name: str) -> AnyArray:
        """One member, in memory."""
        if not self.has(name):
            raise self.missing(name)
        with reading(self.path, f"{self.kind} (member {name!r})", where=self.owner):
            return np.asarray(self._archive[name])

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()
        self._opened.close()


class NpySource(Source):
    """One array of features, memory-mapped; an .npy file holds no labels."""

    kind = "an .npy array"

    def __init__(self, path: Path, *, where: str) -> None:
        super().__init__(path, where=where)
        with reading(path, self.kind, where=where):
            self._array: AnyArray = np.lib.format.open_memmap(path, mode="r")

    def names(self) -> list[str]:
        """None: the array has no name."""
        return []

    def array(self, name: str) -> AnyArray:
        """Never there; labels of an .npy file are in a file of their own."""
        raise DataError(
            f"{self.where}: an .npy file holds features only, not {name!r}: "
            "give labels: a file of their own, or use an .npz archive"
        )

    def features(self, name: str, *, aside: Collection[str] = ()) -> AnyArray:  # noqa: ARG002
        """The array itself, whatever the key."""
        return self._array
