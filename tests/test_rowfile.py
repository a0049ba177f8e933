"""Rows read from a file are those that a memory map shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdml.errors import IntegrityError, StoreUnavailableError
from sdml.rowfile import RowFile

VALUES = np.arange(60, dtype=np.float32).reshape(20, 3)


@pytest.fixture
def file(tmp_path: Path) -> RowFile:
    np.save(tmp_path / "x.npy", VALUES)
    found = RowFile.behind(np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert found is not None
    return found


def test_rows_in_any_order_and_again(file: RowFile) -> None:
    rows = np.array([19, 0, 7, 7])
    out = np.empty((4, 3), dtype=np.float32)
    file.announce(rows)
    file.read(rows, out)
    assert np.array_equal(out, VALUES[rows])


def test_rows_that_follow_each_other(file: RowFile) -> None:
    out = np.empty((5, 3), dtype=np.float32)
    file.block(15, out)
    assert np.array_equal(out, VALUES[15:])


def test_a_row_that_is_not_there(file: RowFile) -> None:
    with pytest.raises(IntegrityError, match=r"x\.npy: must hold 20 rows of 3 values"):
        file.read(np.array([20]), np.empty((1, 3), dtype=np.float32))


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="No such file"):
        RowFile(tmp_path / "none", offset=0, shape=(1, 1))


def test_only_a_whole_map_of_float32_rows_has_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", VALUES)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.save(tmp_path / "d.npy", VALUES.astype(np.float64))
    others = [VALUES, mapped[1:], mapped[:, :2], mapped.T, mapped[0]]
    others.append(np.load(tmp_path / "d.npy", mmap_mode="r"))
    assert [RowFile.behind(array) for array in others] == [None] * len(others)
