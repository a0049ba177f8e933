"""Rows that belong together."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.peers.pairing import pair_rows
from benchmarks.peers.views import are_paired

A = np.array([0, 0, 0, 1, 1, 2, -1])
B = np.array([1, 0, 1, 1])


def test_equal_labels_row_by_row_are_pairs() -> None:
    rows = pair_rows({"a": A, "b": A.copy()}, 0)
    assert are_paired({"a": A, "b": A.copy()})
    assert all(np.array_equal(own, np.arange(7)) for own in rows.values())


def test_else_pairs_have_one_class_and_use_every_sample_of_shared_classes() -> None:
    rows = pair_rows({"a": A, "b": B}, 3)
    np.testing.assert_array_equal(A[rows["a"]], B[rows["b"]])
    assert len(rows["a"]) == 3 + 3  # the longer list of class 0, and of class 1
    assert set(rows["a"]) == {0, 1, 2, 3, 4}  # class 2 has no partner, -1 no class
    assert set(rows["b"]) == {0, 1, 2, 3}


@pytest.mark.parametrize("seed", [1, (1, 2)])
def test_the_seed_decides(seed: int | tuple[int, int]) -> None:
    labels = {"a": np.repeat([0, 1], 20), "b": np.repeat([0, 1], 15)}
    first, again = pair_rows(labels, seed), pair_rows(labels, seed)
    other = pair_rows(labels, 9)
    assert all(np.array_equal(first[name], again[name]) for name in labels)
    assert not np.array_equal(first["a"], other["a"])


def test_a_column_of_labels_more_is_no_pair() -> None:
    assert not are_paired({"a": np.eye(2), "b": np.array([0, 1])})
