from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdml.errors import DataError
from sdml.features.labels import (
    class_counts,
    class_names,
    encode,
    is_labelled,
    normalise,
    parse,
    sort_classes,
)

Raw = npt.NDArray[Any]


def test_whole_numbers_in_any_type() -> None:
    for dtype in ("i1", "u1", "i8", "u8", "f4", "f8", "f2", ">i4"):
        labels = normalise(np.array([3, 0, 7]).astype(dtype), where="here")
        assert labels.dtype == np.int64
        assert labels.tolist() == [3, 0, 7]


def test_booleans_are_zero_and_one() -> None:
    assert normalise(np.array([True, False]), where="here").tolist() == [1, 0]


def test_texts_and_bytes() -> None:
    assert normalise(np.array(["b", ""]), where="here").tolist() == ["b", ""]
    assert normalise(np.array(["é".encode(), b""]), where="here").tolist() == ["é", ""]


def test_a_column_counts_as_a_vector() -> None:
    assert normalise(np.array([[1], [2]]), where="here").tolist() == [1, 2]


@pytest.mark.parametrize("dtype", ["?", "i8", "u1", "f8"])
def test_multi_hot(dtype: str) -> None:
    labels = normalise(np.array([[0, 1], [1, 1], [0, 0]]).astype(dtype), where="here")
    assert labels.dtype == np.uint8
    assert labels.tolist() == [[0, 1], [1, 1], [0, 0]]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.array([1.0, np.nan]), r"whole numbers, but row 1 .* holds nan"),
        (np.array([1.0, np.inf]), r"whole numbers, but row 1 .* holds inf"),
        (np.array([0.5, 1.0]), r"whole numbers, but row 0 .* holds 0\.5"),
        (np.array([1.0, 2.0**60]), "whole numbers, but row 1"),
        (np.array([1, 2**64 - 1], dtype=np.uint64), "whole numbers, but row 1"),
        (np.array([[0, 1], [2, 0]]), r"must be 0 or 1, but row 1, column 0 .* holds 2"),
        (np.array([[0.0, np.nan]]), "must be 0 or 1, but row 0, column 1"),
        (np.array([["a", "b"]]), "whole numbers, strings or multi-hot"),
        (np.array([1j]), "whole numbers, strings or multi-hot"),
        (np.array([None], dtype=object), "whole numbers, strings or multi-hot"),
        (np.zeros((2, 2, 2)), r"must be \(samples,\) or multi-hot"),
        (np.zeros(0), r"must be \(samples,\) or multi-hot"),
        (np.array([b"\xff"]), "must be UTF-8"),
    ],
)
def test_refused(raw: Raw, message: str) -> None:
    with pytest.raises(DataError, match=rf"^here: .*{message}"):
        normalise(raw, where="here")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1", "10", "-1"], [1, 10, -1]),
        (["01", "", "+2"], [1, -1, 2]),
        (["1", "b", ""], ["1", "b", ""]),
        (["1.0", "", "2"], [1.0, -1.0, 2.0]),
        (["1_0", "2"], ["1_0", "2"]),
        (["", ""], ["", ""]),
        (["1" * 19, "2"], ["1" * 19, "2"]),
        (["inf", "infinity"], ["inf", "infinity"]),
    ],
)
def test_parse(texts: list[str], expected: list[object]) -> None:
    assert parse(texts).tolist() == expected


def test_a_written_nan_is_refused_as_a_number() -> None:
    with pytest.raises(DataError, match=r"row 1 .* holds nan"):
        normalise(parse(["1", "nan"]), where="here")


@given(st.lists(st.integers(-(10**17), 10**17), min_size=1))
def test_parse_undoes_writing_numbers(numbers: list[int]) -> None:
    assert parse([str(number) for number in numbers]).tolist() == numbers


@given(st.lists(st.text(st.characters(blacklist_characters="\0")), min_size=1))
def test_parse_and_normalise_never_crash(texts: list[str]) -> None:
    try:
        labels = normalise(parse(texts), where="here")
    except DataError:
        return
    assert len(labels) == len(texts)


def test_classes_sort_by_number_or_by_letter() -> None:
    assert sort_classes(["10", "9", "2", "9"]) == ["2", "9", "10"]
    assert sort_classes(["10", "9", "a"]) == ["10", "9", "a"]
    assert sort_classes(["01", "1"]) == ["01", "1"]
    assert sort_classes([]) == []


def test_class_names_leave_the_unlabelled_out() -> None:
    assert class_names(np.array([10, 9, -1, -7, 9])) == ["9", "10"]
    assert class_names(np.array(["b", "", "a"])) == ["a", "b"]
    assert class_names(np.zeros((2, 3), dtype=np.uint8)) == ["0", "1", "2"]


def test_encode_numbers_and_texts() -> None:
    codes = encode(np.array([10, -3, 9]), ["9", "10"], where="here")
    assert codes.dtype == np.int32
    assert codes.tolist() == [1, -1, 0]
    assert encode(np.array(["b", "", "a"]), ["b", "a"], where="here").tolist() == [0, -1, 1]


def test_encode_multi_hot_by_position() -> None:
    rows = np.array([[1, 0], [0, 0]], dtype=np.uint8)
    assert encode(rows, ["x", "y"], where="here") is rows
    with pytest.raises(
        DataError, match=r"2 columns, but the collection has 3 classes \('a', 'b', 'c'\)"
    ):
        encode(rows, ["a", "b", "c"], where="here")


def test_a_label_outside_the_vocabulary_is_named_and_counted() -> None:
    labels = np.array([0, 5, 1, 5, -1])
    with pytest.raises(
        DataError,
        match=r"^here: .*\('0', '1'\), but '5' stands in 2 rows, the first at row 1 .*"
        r"subspace\.classes",
    ):
        encode(labels, ["0", "1"], where="here")
    with pytest.raises(DataError, match="'a', 'b' stand in 2 rows"):
        encode(np.array(["a", "b"]), ["c"], where="here")
    with pytest.raises(DataError, match="and 7 more"):
        encode(np.arange(12), ["x"], where="here")


def test_a_stored_subspace_fixes_the_classes() -> None:
    fixed = "the stored subspace 0a1b fixes them; "
    with pytest.raises(DataError, match=f"{fixed}correct the labels, leave.*another name") as said:
        encode(np.array([0, 5]), ["0", "1"], where="here", subspace="0a1b")
    assert "subspace.classes" not in str(said.value)
    rows = np.array([[1, 0]], dtype=np.uint8)
    with pytest.raises(DataError, match=f"{fixed}give one column for each class, in that order"):
        encode(rows, ["a", "b", "c"], where="here", subspace="0a1b")


@given(
    st.lists(st.sampled_from(["", "a", "b", "c c", "ü"]), min_size=1),
    st.permutations(["a", "b", "c c", "ü", "unused"]),
)
def test_encode_is_the_position_of_each_name(texts: list[str], classes: list[str]) -> None:
    codes = encode(np.array(texts, dtype=np.str_), classes, where="here")
    assert codes.tolist() == [classes.index(text) if text else -1 for text in texts]
    assert is_labelled(codes).tolist() == [bool(text) for text in texts]
    assert class_counts(codes, 5).tolist() == [texts.count(name) for name in classes]


def test_multi_hot_counts_and_labelled() -> None:
    rows = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=np.uint8)
    assert is_labelled(rows).tolist() == [True, True, False]
    assert class_counts(rows, 3).tolist() == [2, 1, 0]


def test_counts_of_many_samples_do_not_wrap() -> None:
    assert class_counts(np.ones((300, 1), dtype=np.uint8), 1).tolist() == [300]
