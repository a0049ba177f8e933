from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdml.errors import DataError
from sdml.experiment import SplitSettings
from sdml.features.splitting import assign_splits, given_split

sizes = st.lists(st.integers(0, 40), min_size=1, max_size=8)


def labels_of(sizes: list[int], unlabelled: int = 0) -> npt.NDArray[np.int32]:
    labels = np.repeat(np.arange(-1, len(sizes)), [unlabelled, *sizes]).astype(np.int32)
    return np.random.default_rng(1).permutation(labels)


def counts(split_N: npt.NDArray[np.int8], labels: npt.NDArray[Any], classes: int) -> Any:
    """Samples by split (train, validation, test) and class."""
    return np.array(
        [[((split_N == s) & (labels == c)).sum() for c in range(classes)] for s in range(3)]
    )


@given(sizes, st.integers(0, 5), st.integers(0, 99))
def test_stratified_split(sizes: list[int], unlabelled: int, seed: int) -> None:
    labels = labels_of(sizes, unlabelled)
    total = sum(sizes)
    if total < 3:
        return
    split_N = assign_splits(None, labels, len(sizes), SplitSettings(seed=seed))
    assert split_N.dtype == np.int8
    assert np.isin(split_N, [0, 1, 2]).all()
    assert (split_N[labels < 0] == 0).all()
    held = counts(split_N, labels, len(sizes))
    assert held.sum(axis=0).tolist() == sizes
    assert (held[0] >= np.minimum(sizes, 1)).all()
    for number, size in enumerate(sizes):
        if size >= 3:
            assert (held[:, number] >= 1).all()
        for split in (1, 2):
            # Largest remainder: within one of the exact share, but for the minimum of one.
            assert held[split, number] <= max(1, 0.1 * size + 2)


@given(sizes, st.integers(0, 99))
def test_the_same_seed_gives_the_same_split(sizes: list[int], seed: int) -> None:
    labels = labels_of([size + 3 for size in sizes])
    first = assign_splits(None, labels, len(sizes), SplitSettings(seed=seed))
    again = assign_splits(None, labels, len(sizes), SplitSettings(seed=seed))
    assert np.array_equal(first, again)


def test_another_seed_gives_another_split_of_the_same_sizes() -> None:
    labels = labels_of([50, 50])
    first = assign_splits(None, labels, 2, SplitSettings(seed=0))
    second = assign_splits(None, labels, 2, SplitSettings(seed=1))
    assert not np.array_equal(first, second)
    assert np.array_equal(counts(first, labels, 2), counts(second, labels, 2))


def test_shares_are_exact_where_they_can_be() -> None:
    labels = labels_of([100, 200, 50])
    held = counts(assign_splits(None, labels, 3, SplitSettings()), labels, 3)
    assert held.tolist() == [[80, 160, 40], [10, 20, 5], [10, 20, 5]]


def test_totals_are_exact_when_class_shares_are_not() -> None:
    labels = labels_of([33, 33, 34])
    held = counts(assign_splits(None, labels, 3, SplitSettings()), labels, 3)
    assert held.sum(axis=1).tolist() == [80, 10, 10]
    assert sorted(held[2].tolist()) == [3, 3, 4]


def test_counts_instead_of_shares() -> None:
    labels = labels_of([70, 30])
    split_N = assign_splits(None, labels, 2, SplitSettings(train=1, validation=7, test=13))
    assert np.bincount(split_N).tolist() == [80, 7, 13]


def test_shares_below_one_leave_samples_unused() -> None:
    labels = labels_of([60, 40], unlabelled=10)
    split_N = assign_splits(None, labels, 2, SplitSettings(train=0.5, validation=0.1, test=0.1))
    held = counts(split_N, labels, 2)
    assert held.tolist() == [[30, 20], [6, 4], [6, 4]]
    assert (split_N[labels < 0] == 0).sum() == 5
    assert (split_N == -1).sum() == 35


def test_rare_classes_train_first() -> None:
    labels = labels_of([1, 2, 3, 94])
    held = counts(assign_splits(None, labels, 4, SplitSettings()), labels, 4)
    assert held[0, :2].min() >= 1
    assert held[:, 2].tolist() == [1, 1, 1]


def test_counts_that_leave_no_training_sample_are_refused() -> None:
    labels = labels_of([5, 5])
    with pytest.raises(DataError, match="ask for 10 of 10 labelled samples"):
        assign_splits(None, labels, 2, SplitSettings(train=1, validation=5, test=5))
    with pytest.raises(DataError, match="20 samples were asked for, but of the 10 labelled"):
        assign_splits(None, labels, 2, SplitSettings(train=1, validation=20, test=5))


def test_a_complete_split_is_kept() -> None:
    given_N = np.array([2, 1, 0, 0], dtype=np.int8)
    labels = np.array([0, 0, 0, 0], dtype=np.int32)
    assert np.array_equal(assign_splits(given_N, labels, 1, SplitSettings()), given_N)


@pytest.mark.parametrize(("source", "number"), [("train", 0), ("test", 2)])
def test_validation_is_taken_from_the_split_that_is_named(source: str, number: int) -> None:
    labels = labels_of([40, 60, 100], unlabelled=20)
    given_N = np.random.default_rng(2).permutation(np.repeat([0, 2], 110)).astype(np.int8)
    given_N[labels < 0] = 0
    choice = SplitSettings.model_validate({"validation": 23, "validation_from": source, "seed": 4})
    split_N = assign_splits(given_N, labels, 3, choice)
    moved = split_N != given_N
    assert moved.sum() == 23
    assert (given_N[moved] == number).all()
    assert (split_N[moved] == 1).all()
    assert (labels[moved] >= 0).all()
    pool = (given_N == number) & (labels >= 0)
    expected = 23 * np.bincount(labels[pool], minlength=3) / pool.sum()
    assert (abs(np.bincount(labels[moved], minlength=3) - expected) < 1).all()
    assert np.array_equal(split_N, assign_splits(given_N, labels, 3, choice))


def test_validation_as_a_share_of_its_source() -> None:
    labels = labels_of([100, 100])
    given_N = np.where(np.arange(200) < 150, 0, 2).astype(np.int8)
    split_N = assign_splits(
        given_N, labels, 2, SplitSettings(train=0.7, validation=0.2, validation_from="test")
    )
    assert np.bincount(split_N).tolist() == [150, 10, 40]


def test_validation_that_would_empty_its_source_is_refused() -> None:
    labels = np.zeros(10, dtype=np.int32)
    given_N = np.array([0] * 8 + [2] * 2, dtype=np.int8)
    with pytest.raises(DataError, match=r"2 samples were asked for.* 2 labelled samples of test"):
        assign_splits(given_N, labels, 1, SplitSettings(validation=2, validation_from="test"))


multi_hot = st.integers(1, 5).flatmap(
    lambda width: st.lists(
        st.lists(st.integers(0, 1), min_size=width, max_size=width), min_size=3, max_size=40
    )
)


@settings(deadline=None)
@given(multi_hot, st.integers(0, 9), st.sampled_from([0.8, 0.4]))
def test_multi_label_partition(rows: list[list[int]], seed: int, train: float) -> None:
    labels = np.array(rows, dtype=np.uint8)
    labelled = labels.any(axis=1)
    if labelled.sum() < 3:
        return
    choice = SplitSettings(train=train, seed=seed)
    split_N = assign_splits(None, labels, labels.shape[1], choice)
    assert np.array_equal(split_N, assign_splits(None, labels, labels.shape[1], choice))
    assert np.isin(split_N, [-1, 0, 1, 2]).all()
    assert np.isin(split_N[~labelled], [-1, 0]).all()
    assert train == 0.4 or (split_N != -1).all()
    # Every class that occurs can be learnt.
    assert np.array_equal(labels[split_N == 0].any(axis=0), labels.any(axis=0))


def test_multi_label_shares_are_near() -> None:
    generator = np.random.default_rng(0)
    labels = (generator.random((2000, 6)) < [0.02, 0.05, 0.1, 0.2, 0.4, 0.6]).astype(np.uint8)
    split_N = assign_splits(None, labels, 6, SplitSettings())
    total = labels.sum(axis=0)
    for split, share in ((0, 0.8), (1, 0.1), (2, 0.1)):
        held = labels[split_N == split].sum(axis=0)
        assert (abs(held - share * total) <= 2 + 0.03 * total).all()


def test_multi_label_validation_from_train_keeps_the_test_split() -> None:
    labels = np.array([[1, 0, 1], [1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    given_N = np.array([0, 0, 0, 0, 2, 2], dtype=np.int8)
    for seed in range(20):
        split_N = assign_splits(
            given_N, labels.astype(np.uint8), 3, SplitSettings(validation=2, seed=seed)
        )
        assert split_N[4:].tolist() == [2, 2]
        assert labels[split_N == 0].any(axis=0).all()


@pytest.mark.parametrize(
    "raw",
    [
        np.array([0, 1, 2]),
        np.array([0.0, 1.0, 2.0]),
        np.array([[0], [1], [2]], dtype=np.uint8),
        np.array([[0, 1, 2]]),
        np.array(["train", "validation", "test"]),
        np.array(["train", "val", "test"]),
        np.array([b"train", b"valid", b"test"]),
        np.array(["0", "1", "2"]),
    ],
)
def test_given_split(raw: npt.NDArray[Any]) -> None:
    split_N = given_split(raw, where="here")
    assert split_N.dtype == np.int8
    assert split_N.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.array([0, 3]), r"row 1 \(counted from 0\) holds 3"),
        (np.array([0.5, 0]), r"row 0 .* holds 0\.5"),
        (np.array([0, np.nan]), "row 1 .* holds nan"),
        (np.array(["train", "dev"]), "row 1 .* holds 'dev'"),
        (np.array([0, -1]), "row 1 .* holds -1"),
        (np.zeros((2, 2)), r"\(samples,\) of 0, 1, 2"),
        (np.array([True, False]), "type bool"),
        (np.array([None], dtype=object), "type object"),
    ],
)
def test_given_split_refused(raw: npt.NDArray[Any], message: str) -> None:
    with pytest.raises(DataError, match=rf"^here: split must be .*{message}"):
        given_split(raw, where="here")


@pytest.mark.parametrize("multi_label", [False, True])
def test_validation_is_the_first_or_last_rows_of_test(multi_label: bool) -> None:
    given_N = np.array([0, 2, 0, 2, 2, 0, 2], dtype=np.int8)
    labels = np.array([0, 1, 1, 0, 0, 0, 1], dtype=np.int32)
    encoded: npt.NDArray[Any] = np.eye(2, dtype=np.uint8)[labels] if multi_label else labels
    for take, expected in (("first", [0, 1, 0, 1, 2, 0, 2]), ("last", [0, 2, 0, 2, 1, 0, 1])):
        choice = SplitSettings.model_validate(
            {"validation": 2, "validation_from": "test", "validation_take": take}
        )
        assert assign_splits(given_N, encoded, 2, choice).tolist() == expected


def test_rows_to_take_must_come_with_a_split_and_leave_some() -> None:
    labels = np.zeros(9, dtype=np.int32)
    first = SplitSettings(validation=4, validation_take="first")
    with pytest.raises(DataError, match="this source brings none"):
        assign_splits(None, labels, 1, first)
    given_N = np.array([0] * 4 + [2] * 5, dtype=np.int8)
    with pytest.raises(DataError, match=r"4 samples were asked for.* 4 samples of train"):
        assign_splits(given_N, labels, 1, first)


def test_the_usual_draw_is_not_said() -> None:
    assert "validation_take" not in SplitSettings().model_dump()
    assert SplitSettings(validation_take="last").model_dump()["validation_take"] == "last"
