from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sdml.retrieval.ranking import (
    descending_bits,
    near_unit_norm,
    relevant_places,
    scores_of_bits,
)

FLOATS = st.floats(width=32, allow_nan=False)


@given(arrays.arrays(np.float32, st.integers(1, 40), elements=FLOATS))
def test_bits_order_scores_downwards_and_come_back(scores: np.ndarray) -> None:
    bits = descending_bits(scores)
    for first in range(len(scores)):
        assert ((scores[first] > scores) == (bits[first] < bits)).all()
        assert ((scores[first] == scores) == (bits[first] == bits)).all()
    assert (scores_of_bits(bits) == scores).all()


EDGE = float(np.nextafter(np.float32(2), np.float32(0)))
FEW = st.sampled_from([0.0, -0.0, 0.25, -0.25, EDGE, -EDGE])
MANY = st.floats(-EDGE, EDGE, width=32)


@settings(deadline=None)
@given(
    st.integers(1, 60).flatmap(
        lambda items: st.tuples(
            arrays.arrays(np.float32, (3, items), elements=st.one_of(FEW, MANY)),
            arrays.arrays(np.bool_, (3, items)),
        )
    )
)
def test_relevant_places_are_those_of_a_stable_sort(
    given_arrays: tuple[np.ndarray, np.ndarray],
) -> None:
    scores, relevant = given_arrays
    order = np.argsort(-scores, axis=1, kind="stable")
    expected = np.take_along_axis(relevant, order, axis=1)
    assert relevant_places(scores, relevant).tolist() == np.flatnonzero(expected).tolist()


def test_many_ties_are_as_stable_as_few() -> None:
    rng = np.random.default_rng(0)
    for values in (2, 9, 40, 3000):
        scores = (rng.integers(0, values, (4, 3000)) / np.float32(values)).astype(np.float32)
        relevant = rng.random((4, 3000)) < 0.3
        order = np.argsort(-scores, axis=1, kind="stable")
        expected = np.take_along_axis(relevant, order, axis=1)
        assert (relevant_places(scores, relevant) == np.flatnonzero(expected)).all()


def test_long_rows_are_divided_by_a_power_of_two() -> None:
    rows = np.array([[30.0, 40.0], [1e-3, 0.0]], dtype=np.float32)
    assert (near_unit_norm(rows) * 64 == rows).all()
    assert (near_unit_norm(rows, each=True) * [[64], [2.0**-9]] == rows).all()
    unit = rows[:1] / np.float32(50)
    assert near_unit_norm(unit) is unit
    zero = np.zeros((1, 2), dtype=np.float32)
    assert near_unit_norm(zero).tolist() == near_unit_norm(zero, each=True).tolist() == [[0, 0]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("each", [False, True])
def test_extreme_rows_are_brought_near_length_1(dtype: type, each: bool) -> None:
    most = np.iinfo(dtype).max if dtype is np.int64 else float(np.finfo(dtype).max)
    for size in (most / 2, most / 1024, 3, 1e-3, float(np.finfo(np.float64).tiny) * 8):
        rows: np.ndarray = np.full((2, 5), size).astype(dtype)
        made = near_unit_norm(rows, each=each)
        assert made.dtype == np.float32
        lengths = np.linalg.norm(made, axis=1)
        assert ((lengths > 2.0**-20) & (lengths <= 1.2) | (rows == 0).all(axis=1)).all()


@given(
    arrays.arrays(np.int8, (6, 3), elements=st.integers(-9, 9)),
    st.lists(st.integers(-60, 60), min_size=6, max_size=6),
)
def test_each_row_is_scaled_by_a_power_of_two(rows: np.ndarray, powers: list[int]) -> None:
    given_rows = np.ldexp(rows.astype(np.float32), np.array(powers)[:, None])
    made = near_unit_norm(given_rows, each=True)
    for row, one in zip(given_rows.astype(np.float64), made.astype(np.float64), strict=True):
        if row.any():
            factor = np.abs(row).max() / np.abs(one).max()
            assert np.frexp(factor)[0] == 0.5
            assert (one * factor == row).all()
        else:
            assert not one.any()
