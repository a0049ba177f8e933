from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdml.errors import DataError
from sdml.retrieval.protocol import RelevanceRule
from sdml.retrieval.relevance import checked_labels, multi_hot, relevance_between, several_labels


@given(
    st.integers(1, 130),
    st.sampled_from(["any", "exact"]),
    st.floats(0.0, 0.2),
    st.integers(0, 2**32 - 1),
)
def test_multi_hot_relevance_is_that_of_sets(
    classes: int, rule: RelevanceRule, density: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    query_QC = rng.random((5, classes)) < density
    gallery_GC = np.concatenate([query_QC[:2], rng.random((6, classes)) < density])
    found = relevance_between(query_QC, gallery_GC, rule).rows(np.arange(1, 5))
    for row, query in enumerate(range(1, 5)):
        for item in range(8):
            wanted = set(np.flatnonzero(query_QC[query]))
            held = set(np.flatnonzero(gallery_GC[item]))
            same = bool(wanted) and wanted == held
            assert found[row, item] == (bool(wanted & held) if rule == "any" else same)


def test_unlabelled_items_match_nothing_not_even_each_other() -> None:
    labels = np.array([-1, 0])
    expected = [[False, False], [False, True]]
    for rule in ("any", "exact"):
        assert relevance_between(labels, labels, rule).rows(np.arange(2)).tolist() == expected
        rows = multi_hot(labels, 3, "x")
        assert relevance_between(rows, rows, rule).rows(np.arange(2)).tolist() == expected


@pytest.mark.parametrize("rule", ["any", "exact"])
def test_class_numbers_meet_multi_hot_rows(rule: RelevanceRule) -> None:
    numbers = np.array([2, -1, 0])
    rows = np.array([[0, 0, 1], [1, 0, 0]], dtype=bool)
    expected = [[True, False], [False, False], [False, True]]
    assert relevance_between(numbers, rows, rule).rows(np.arange(3)).tolist() == expected
    assert relevance_between(rows, numbers, rule).rows(np.arange(2)).T.tolist() == expected


def test_class_numbers_beyond_the_rows_are_refused() -> None:
    with pytest.raises(DataError, match="below the width 2"):
        relevance_between(np.array([2]), np.eye(2, dtype=bool), "any")


def test_widths_must_agree() -> None:
    with pytest.raises(DataError, match="width 2 and 3"):
        relevance_between(np.eye(2, dtype=bool), np.eye(3, dtype=bool), "any")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 1, 2]), "3 labels for 2 codes"),
        (np.array(["a", "b"]), "encode the labels"),
        (np.array([0.5, 1.0]), "whole numbers"),
        (np.array([np.nan, 1.0]), "whole numbers"),
        (np.array([-2, 1]), "unlabelled"),
        (np.array([[0, 2], [1, 0]]), "only 0 and 1"),
        (np.array([True, False]), "booleans"),
        (np.zeros((2, 1, 1), dtype=int), "encode the labels"),
    ],
)
def test_bad_labels_are_refused(labels: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        checked_labels(labels, 2, "query")


@pytest.mark.parametrize("largest", [1, 2**15, 2**40])
def test_large_class_numbers_compare_as_small_ones(largest: int) -> None:
    query, gallery = np.array([largest, 0, -1, 7]), np.array([0, -1, largest, largest])
    found = relevance_between(query, gallery, "any").rows(np.arange(4))
    assert found.tolist() == [
        [False, False, True, True],
        [True, False, False, False],
        [False] * 4,
        [False] * 4,
    ]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([0, 3, -1]), False),
        (np.array([[1, 0], [0, 1], [0, 0]]), False),
        (np.array([[1, 0], [1, 1]], dtype=np.uint8), True),
        (np.array([[True, True]]), True),
        (np.empty((0, 2), dtype=np.uint8), False),
        (np.array([["a", "b"]]), False),  # refused later, by checked_labels
    ],
)
def test_several_labels_are_more_than_one_in_a_row(labels: np.ndarray, expected: bool) -> None:
    assert several_labels(labels) is expected
