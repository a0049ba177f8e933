from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from sdml.errors import DataError
from sdml.features import Table

Arrays = dict[str, Any]
Read = Callable[..., Table]


@pytest.mark.parametrize("format_", ["4", "5"])
@pytest.mark.parametrize("orient", ["row", "column"])
def test_mat(tmp_path: Path, arrays: Arrays, read: Read, format_: str, orient: str) -> None:
    doubles = {name: array.astype(np.float64) for name, array in arrays.items()}
    scipy.io.savemat(tmp_path / "a.mat", doubles, format=format_, oned_as=orient)
    table = read(tmp_path / "a.mat")
    assert table.features_ND is not None
    assert table.split_N is not None
    np.testing.assert_allclose(table.features_ND, arrays["X"], rtol=1e-6)
    assert table.labels.tolist() == arrays["y"].tolist()
    assert table.split_N.tolist() == arrays["split"].tolist()


def test_an_array_for_each_split(tmp_path: Path, read: Read) -> None:
    parts = {"I_tr": np.ones((4, 2)), "I_te": np.zeros((2, 2))}
    scipy.io.savemat(tmp_path / "a.mat", {**parts, "tr": [[1, 2, 1, 2]], "te": [[1], [2]]})
    table = read(
        tmp_path / "a.mat",
        keys={
            "features": {"test": "I_te", "train": "I_tr"},
            "labels": {"train": "tr", "test": "te"},
        },
    )
    assert table.features_ND is not None
    assert table.split_N is not None
    assert table.features_ND.tolist() == [[1, 1]] * 4 + [[0, 0]] * 2
    assert table.labels.tolist() == [1, 2, 1, 2, 1, 2]
    assert table.split_N.tolist() == [0, 0, 0, 0, 2, 2]


def test_sparse_features_are_filled_out(tmp_path: Path, arrays: Arrays, read: Read) -> None:
    sparse = scipy.sparse.csc_matrix(np.eye(30, 5))
    scipy.io.savemat(tmp_path / "a.mat", {**arrays, "X": sparse})
    table = read(tmp_path / "a.mat")
    assert table.features_ND is not None
    assert np.array_equal(table.features_ND, np.eye(30, 5))


def test_texts_as_cells_and_as_characters(tmp_path: Path, arrays: Arrays, read: Read) -> None:
    names = np.array(["a", "bird", "", "cat"] * 7 + ["a", "a"], dtype=object)
    padded = np.array([str(name).ljust(4) for name in names])
    scipy.io.savemat(tmp_path / "a.mat", {**arrays, "cells": names, "chars": padded})
    for key in ("cells", "chars"):
        assert read(tmp_path / "a.mat", keys={"labels": key}).labels.tolist() == names.tolist()


def test_structs_and_mixed_cells_are_refused(tmp_path: Path, arrays: Arrays, read: Read) -> None:
    mixed = np.array([1, "a"], dtype=object)
    scipy.io.savemat(tmp_path / "a.mat", {**arrays, "s": {"f": 1}, "m": mixed})
    with pytest.raises(DataError, match="'s' is a struct"):
        read(tmp_path / "a.mat", keys={"features": "s"})
    with pytest.raises(DataError, match="'m' is a cell array of other things than texts"):
        read(tmp_path / "a.mat", keys={"labels": "m"})


def test_complex_features_are_refused(tmp_path: Path, arrays: Arrays, read: Read) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {**arrays, "X": arrays["X"] * 1j})
    with pytest.raises(DataError, match="must be real numbers, not of type complex128"):
        read(tmp_path / "a.mat")


def test_a_missing_variable_names_those_that_are_there(
    tmp_path: Path, arrays: Arrays, read: Read
) -> None:
    scipy.io.savemat(tmp_path / "a.mat", arrays)
    with pytest.raises(DataError, match="must hold 'Z', but it holds only X, y, split"):
        read(tmp_path / "a.mat", keys={"features": "Z"})


@pytest.mark.parametrize("content", [b"", b"junk", b"MATLAB 5.0 MAT-file" + b"\x20" * 200])
def test_junk_is_refused(tmp_path: Path, read: Read, content: bytes) -> None:
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.mat: (cannot be read as a MATLAB file|must hold 'X')"):
        read(tmp_path / "a.mat")


@pytest.mark.parametrize("compressed", [False, True])
def test_truncated_anywhere_is_refused(
    tmp_path: Path, arrays: Arrays, read: Read, compressed: bool
) -> None:
    scipy.io.savemat(tmp_path / "a.mat", arrays, do_compression=compressed)
    whole = (tmp_path / "a.mat").read_bytes()
    for share in (0.1, 0.3, 0.6, 0.9):
        (tmp_path / "a.mat").write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(DataError, match=r"a\.mat: (cannot be read|must hold)"):
            read(tmp_path / "a.mat")
