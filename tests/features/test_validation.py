from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sdml.errors import DataError
from sdml.features import validation
from sdml.features.validation import RowDigests, as_float32, float32_blocks, row_blocks


@pytest.mark.parametrize("dtype", ["f2", "f8", ">f4", "i1", "u1", "i8", "u8", "?", "longdouble"])
def test_numbers_of_any_type_become_float32(dtype: str) -> None:
    values = np.array([[0, 1], [1, 0], [1, 1]]).astype(dtype)
    result = as_float32(values, where="here")
    assert result.dtype == np.float32
    assert result.dtype.isnative
    assert result.tolist() == [[0, 1], [1, 0], [1, 1]]


def test_float32_is_not_copied() -> None:
    values = np.ones((3, 2), dtype=np.float32)
    assert as_float32(values, where="here") is values


@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 0), (2, 2, 2)])
def test_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"^here: features must be 2-D .* not of shape \("):
        as_float32(np.zeros(shape), where="here")


@pytest.mark.parametrize(
    "values",
    [
        np.array([[1j]]),
        np.array([["a"]]),
        np.array([[None]], dtype=object),
        np.array([["2020-01-01"]], dtype="M8[D]"),
    ],
)
def test_not_numbers(values: npt.NDArray[Any]) -> None:
    with pytest.raises(DataError, match="must be real numbers, not of type"):
        as_float32(values, where="here")


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_located_and_counted(
    monkeypatch: pytest.MonkeyPatch, dtype: str, value: float
) -> None:
    monkeypatch.setattr(validation, "_BLOCK_VALUES", 4)
    values = np.zeros((9, 3), dtype=dtype)
    values[5, 2] = value
    values[7, 0] = np.nan
    with pytest.raises(
        DataError, match=rf"2 values are not, the first at row 5, column 2 .*: {value}: remove"
    ):
        as_float32(values, where="here")


def test_one_value_too_large_for_float32() -> None:
    values = np.zeros((2, 2))
    values[1, 0] = 1e39
    with pytest.raises(DataError, match=r"1 value is not, .*row 1, column 0 .*1e\+39, too large"):
        as_float32(values, where="here")


def test_blocks_cover_all_rows_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "_BLOCK_VALUES", 7)
    for shape in [(1, 1), (10, 3), (10, 100), (7, 7)]:
        rows = [row for block in row_blocks(shape) for row in range(shape[0])[block]]
        assert rows == list(range(shape[0]))


@pytest.mark.parametrize("width", [1, 2, 4, 5])
@pytest.mark.parametrize("digested", [1, 64, 1 << 18])
def test_equal_rows_and_only_those_have_equal_digests(
    monkeypatch: pytest.MonkeyPatch, width: int, digested: int
) -> None:
    monkeypatch.setattr(validation, "_DIGESTED_BYTES", digested)
    generator = np.random.default_rng(0)
    distinct = generator.integers(0, 9, (50, width)).astype(np.float32)
    rows = np.concatenate([distinct, distinct])
    _, expected = np.unique(rows, axis=0, return_inverse=True)
    digests = RowDigests(width)
    in_blocks = np.concatenate([digests.of(rows[:7]), digests.of(rows[7:])])
    _, found = np.unique(in_blocks, return_inverse=True)
    same = expected.reshape(-1)[:, None] == expected.reshape(-1)
    assert np.array_equal(found[:, None] == found, same)
    assert np.array_equal(in_blocks, RowDigests(width).of(rows))


def test_zero_equals_minus_zero() -> None:
    rows = np.array([[0.0, 1.0], [-0.0, 1.0]], dtype=np.float32)
    assert len(set(RowDigests(2).of(rows).tolist())) == 1


def test_blocks_may_all_lie_in_one_buffer() -> None:
    buffer = np.empty((4, 3))

    def blocks() -> Iterator[np.ndarray]:
        for number in range(3):
            buffer[:] = number
            if number == 2:
                buffer[1, 2] = np.nan
            yield buffer[: 4 - number]

    found = float32_blocks(blocks(), where="here")
    assert [next(found).tolist() for _ in range(2)] == [[[0.0] * 3] * 4, [[1.0] * 3] * 3]
    with pytest.raises(DataError, match="1 value is not, the first at row 8, column 2"):
        next(found)
