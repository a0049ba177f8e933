from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from sdml.errors import DataError
from sdml.features import Table

Arrays = dict[str, Any]
Read = Callable[..., Table]


@pytest.fixture
def matlab(tmp_path: Path) -> h5py.File:
    """An empty file as MATLAB 7.3 lays it out: 512 bytes of its own before the HDF5 part."""
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512):
        pass
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return h5py.File(path, "r+")


def put(file: h5py.File, name: str, array: npt.NDArray[Any], kind: bytes = b"double") -> None:
    """Store as MATLAB does: dimensions reversed, its class in an attribute."""
    dataset = file.create_dataset(name, data=np.atleast_2d(array).T)
    dataset.attrs["MATLAB_class"] = np.bytes_(kind)


def codes(text: str) -> npt.NDArray[np.uint16]:
    return np.frombuffer(text.encode("utf-16-le"), dtype=np.uint16)


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".HDF5"])
def test_hdf5(tmp_path: Path, arrays: Arrays, read: Read, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with h5py.File(path, "w") as file:
        file.create_dataset("images/deep", data=arrays["X"], compression="gzip", chunks=(7, 2))
        file["y"] = arrays["y"]
        file["split"] = [["train"], ["val"], ["test"]] * 10
    table = read(path, keys={"features": "images/deep"})
    assert table.features_ND is not None
    assert table.split_N is not None
    np.testing.assert_allclose(table.features_ND, arrays["X"], rtol=1e-6)
    assert table.labels.tolist() == arrays["y"].tolist()
    assert table.split_N.tolist() == [0, 1, 2] * 10


def test_hdf5_strings_of_both_kinds(tmp_path: Path, arrays: Arrays, read: Read) -> None:
    texts = ["ä", "b", ""] * 10
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["X"] = arrays["X"]
        file["variable"] = texts
        file["fixed"] = np.array([text.encode() for text in texts])
    for key in ("variable", "fixed"):
        assert read(tmp_path / "a.h5", keys={"labels": key}).labels.tolist() == texts


def test_a_missing_data_set_names_those_that_are_there(
    tmp_path: Path, arrays: Arrays, read: Read
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["g/X"] = arrays["X"]
        file["y"] = arrays["y"]
    for key in ("X", "g"):
        with pytest.raises(DataError, match=rf"must hold '{key}', but it holds only g/X, y"):
            read(tmp_path / "a.h5", keys={"features": key})


@pytest.mark.parametrize("content", [b"", b"junk", b"\x89HDF\r\n\x1a\n" + b"\0" * 100])
def test_junk_is_refused(tmp_path: Path, read: Read, content: bytes) -> None:
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.h5: cannot be read as an HDF5 file"):
        read(tmp_path / "a.h5")


def test_a_truncated_file_is_refused(tmp_path: Path, arrays: Arrays, read: Read) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["X"] = arrays["X"]
    whole = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(whole[:-100])
    with pytest.raises(DataError, match=r"cannot be read as an HDF5 file.*truncated"):
        read(tmp_path / "a.h5")


def test_compound_types_are_refused(tmp_path: Path, read: Read) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["X"] = np.zeros((3, 2), dtype=[("a", "f4"), ("b", "f4")])
    with pytest.raises(DataError, match="must be real numbers"):
        read(tmp_path / "a.h5")


@pytest.mark.parametrize("orient", ["row", "column"])
def test_matlab_arrays_are_turned_back(
    tmp_path: Path, arrays: Arrays, read: Read, matlab: h5py.File, orient: str
) -> None:
    with matlab as file:
        for name, array in arrays.items():
            turned = array[:, None] if array.ndim == 1 and orient == "column" else array
            put(file, name, turned.astype(np.float64))
    table = read(tmp_path / "a.mat")
    assert table.features_ND is not None
    assert table.split_N is not None
    np.testing.assert_allclose(table.features_ND, arrays["X"], rtol=1e-6)
    assert table.labels.tolist() == arrays["y"].tolist()
    assert table.split_N.tolist() == arrays["split"].tolist()


def test_matlab_multi_hot(tmp_path: Path, arrays: Arrays, read: Read, matlab: h5py.File) -> None:
    with matlab as file:
        put(file, "X", arrays["X"])
        put(file, "y", np.eye(30, 3, dtype=np.uint8), b"logical")
    assert np.array_equal(read(tmp_path / "a.mat").labels, np.eye(30, 3))


def test_matlab_texts(tmp_path: Path, arrays: Arrays, read: Read, matlab: h5py.File) -> None:
    texts = ["bird", "é", ""] * 10
    with matlab as file:
        put(file, "X", arrays["X"])
        put(file, "chars", np.array([codes(text.ljust(4)) for text in texts]), b"char")
        references = []
        for index, text in enumerate(texts):
            data = codes(text)[:, None] if text else np.zeros(2, dtype=np.uint64)
            cell = file.create_dataset(f"#refs#/{index}", data=data)
            cell.attrs["MATLAB_class"] = "char"
            if not text:
                cell.attrs["MATLAB_empty"] = 1
            references.append(cell.ref)
        cells = file.create_dataset("cells", data=np.array([references], dtype=h5py.ref_dtype))
        cells.attrs["MATLAB_class"] = np.bytes_("cell")
        numbers = file.create_dataset(
            "numbers", data=np.array([[file["X"].ref]], dtype=h5py.ref_dtype)
        )
        numbers.attrs["MATLAB_class"] = b"cell"
    for key in ("chars", "cells"):
        assert read(tmp_path / "a.mat", keys={"labels": key}).labels.tolist() == texts
    with pytest.raises(DataError, match="'numbers' is a cell array of other things than texts"):
        read(tmp_path / "a.mat", keys={"labels": "numbers"})
    with pytest.raises(DataError, match="it holds only X, cells, chars, numbers:"):
        read(tmp_path / "a.mat", keys={"features": "Z"})


def test_matlab_empty_arrays_are_refused(tmp_path: Path, read: Read, matlab: h5py.File) -> None:
    with matlab as file:
        put(file, "X", np.array([0, 4], dtype=np.uint64))
        file["X"].attrs["MATLAB_empty"] = 1
    with pytest.raises(DataError, match=r"features must be 2-D .* not of shape \(0, 0\)"):
        read(tmp_path / "a.mat")
