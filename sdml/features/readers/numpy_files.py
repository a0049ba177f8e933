""".npz archives and single .npy arrays, never with pickled objects."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np

from sdml.errors import DataError
from sdml.features.files import reading
from sdml.features.readers.source import Source
from sdml.features.rows import Rows, block_rows
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

    def rows(self, name: str, *, aside: Collection[str] = ()) -> Rows:
        """One member, also a compressed one, as it comes out of the archive."""
        if not self.has(name):
            raise self.missing(name)
        kind = f"{self.kind} (member {name!r})"
        archive = self._archive.zip
        assert archive is not None  # not closed
        member = name if name in archive.namelist() else f"{name}.npy"
        with reading(self.path, kind, where=self.owner), archive.open(member) as stream:
            header = _header(stream)
        if header is None:
            return super().rows(name, aside=aside)
        shape, dtype = header

        def read() -> Iterator[AnyArray]:
            step = block_rows(shape[1])
            with (
                reading(self.path, kind, where=self.owner),
                zipfile.ZipFile(self.path) as archive,
                archive.open(member) as stream,
            ):
                _header(stream)
                for start in range(0, shape[0], step):
                    wanted = min(step, shape[0] - start) * shape[1]
                    data = stream.read(wanted * dtype.itemsize)
                    yield np.frombuffer(data, dtype=dtype).reshape(-1, shape[1])
                stream.read()  # to the end, where the checksum is

        return Rows(shape, read, dtype=dtype, where=self.place(name))

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

    def rows(self, name: str, *, aside: Collection[str] = ()) -> Rows:
        """The array, read and not mapped if it lies row by row."""
        array = self._array
        if array.ndim != 2 or not array.flags.c_contiguous or array.dtype.hasobject:
            return super().rows(name, aside=aside)
        assert isinstance(array, np.memmap)
        (samples, width), dtype, offset = array.shape, array.dtype, array.offset

        def read() -> Iterator[AnyArray]:
            # One buffer for all: fresh memory costs more than reading into it.
            block_BD = np.empty((min(block_rows(width), samples), width), dtype)
            row_bytes = width * dtype.itemsize
            with reading(self.path, self.kind, where=self.owner), self.path.open("rb") as file:
                file.seek(offset)
                for start in range(0, samples, len(block_BD)):
                    wanted_BD = block_BD[: samples - start]
                    found = file.readinto(wanted_BD.view(np.uint8).data)
                    yield wanted_BD[: found // row_bytes]

        return Rows(array.shape, read, dtype=dtype, where=self.place(name))


def _header(stream: IO[bytes]) -> tuple[tuple[int, int], np.dtype[Any]] | None:
    """Shape and type of an .npy stream of rows, read up to its data; None of any other array."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, turned, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, turned, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        return None
    return None if len(shape) != 2 or turned or dtype.hasobject else (shape, dtype)
