"""Files that are wrong in one way each, for the table in test_bad_input.py."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import scipy.io

from tests.steps import tiny

Content = Callable[[Path], None]
"""Writes one file."""

JUNK = bytes(range(256)) * 8
X, Y, SPLIT = (tiny.arrays("image")[name] for name in ("X", "y", "split"))
_AT = np.arange(X.size).reshape(X.shape) == 26  # row 3, column 2
NAN, INF, HUGE = (np.where(_AT, value, X.astype(float)) for value in (np.nan, np.inf, 1e39))
OBJECTS = np.array([{"a": 1}] * 60, dtype=object)
ORTHONORMAL = np.linalg.qr(np.random.default_rng(0).normal(size=(16, 16)))[0]


def raw(data: bytes) -> Content:
    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


def folder(path: Path) -> None:
    path.mkdir()


def nothing(path: Path) -> None:
    """There is no such file."""


def cut(content: Content, keep: float = 0.6) -> Content:
    """The first part of what ``content`` writes."""

    def write(path: Path) -> None:
        content(path)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * keep)])

    return write


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """Sound arrays of 60 samples, some replaced, those of ``None`` left out."""
    held = {**tiny.arrays("image"), **changes}
    return {name: array for name, array in held.items() if array is not None}


def npz(**changes: Any) -> Content:
    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, **changed(changes))

    return write


def npy(array: Any) -> Content:
    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, np.asarray(array))

    return write


def mat5(**changes: Any) -> Content:
    def write(path: Path) -> None:
        with path.open("wb") as file:
            scipy.io.savemat(file, changed(changes))

    return write


def mat73(**changes: Any) -> Content:
    """As MATLAB writes -v7.3: HDF5 behind 512 bytes, every array transposed."""

    def write(path: Path) -> None:
        with h5py.File(path, "w", userblock_size=512) as file:
            for name, array in changed(changes).items():
                made = file.create_dataset(name, data=np.atleast_2d(array).T)
                made.attrs["MATLAB_class"] = np.bytes_("double")

    return write


def mat73_cell(path: Path) -> None:
    """Labels that are a cell array of numbers."""
    mat73(y=None)(path)
    with h5py.File(path, "r+") as file:
        file["#refs#/a"] = np.ones((1, 1))
        references = np.array([[file["#refs#/a"].ref] * 60], dtype=h5py.ref_dtype)
        made = file.create_dataset("y", data=references, dtype=h5py.ref_dtype)
        made.attrs["MATLAB_class"] = np.bytes_("cell")


def h5(**changes: Any) -> Content:
    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            for name, array in changed(changes).items():
                file[name] = array

    return write


def parquet(**changes: Any) -> Content:
    """X is a column of lists."""

    def write(path: Path) -> None:
        held = changed(changes)
        columns = {
            name: list(array) if getattr(array, "ndim", 1) == 2 else array
            for name, array in held.items()
        }
        pa.parquet.write_table(pa.table(columns), path)

    return write


def csv(rows: list[str], header: str = "X0,X1,y,split") -> Content:
    return raw("\n".join([header, *rows, ""]).encode())


ROWS = [f"{x[0]},{x[1]},{y},{part}" for x, y, part in zip(X, Y, SPLIT, strict=True)]
"""Lines of a sound table with two features."""


def wav(path: Path, *, samples: int = 4000) -> None:
    import soundfile

    soundfile.write(path, np.sin(np.arange(samples) / 5), 8000)


def png(path: Path) -> None:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def damaged_member(path: Path) -> None:
    """An archive whose directory is sound, and one of whose arrays is not."""
    npz()(path)
    data = bytearray(path.read_bytes())
    where = data.find(b"\x93NUMPY")
    data[where + 300 : where + 400] = b"\x00" * 100
    path.write_bytes(bytes(data))


def claims_too_much(path: Path) -> None:
    """An array whose header promises far more rows than there are."""
    buffer = io.BytesIO()
    np.save(buffer, np.ones((60, 8), dtype=np.float32))
    path.write_bytes(buffer.getvalue().replace(b"(60, 8)", b"(9000000000000, 8)", 1))
