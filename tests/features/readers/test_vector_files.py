from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sdml.errors import DataError
from sdml.features import Table

Arrays = dict[str, Any]
Read = Callable[..., Table]


def by_split(tmp_path: Path, **changes: npt.NDArray[Any]) -> Path:
    arrays: Arrays = {
        "I_tr": np.ones((4, 2), dtype=np.float32),
        "I_te": np.zeros((2, 2), dtype=np.float32),
        "tr": np.array([1, 2, 1, 2]),
        "te": np.array([1, 2]),
    }
    np.savez(tmp_path / "a.npz", **(arrays | changes))
    return tmp_path / "a.npz"


FEATURES = {"train": "I_tr", "test": "I_te"}
LABELS = {"train": "tr", "test": "te"}


def test_an_unknown_extension_is_refused(tmp_path: Path, read: Read) -> None:
    for name in ("a.txt", "a"):
        (tmp_path / name).touch()
        with pytest.raises(DataError, match=r"vectors are read from \.npz, .* or name an extract"):
            read(tmp_path / name)


def test_a_missing_source_is_refused(tmp_path: Path, read: Read) -> None:
    with pytest.raises(DataError, match=r"^modality image: .*gone\.npz: does not exist"):
        read(tmp_path / "gone.npz")
    with pytest.raises(DataError, match="the glob matches no file"):
        read(tmp_path / "*.npz")


def test_lengths_must_agree(tmp_path: Path, arrays: Arrays, read: Read) -> None:
    for name in ("y", "split"):
        np.savez(tmp_path / "a.npz", **(arrays | {name: arrays[name][:-1]}))
        with pytest.raises(DataError, match=rf"a\.npz: {name}: .*: 29 entries, 30 samples"):
            read(tmp_path / "a.npz")


def test_a_label_file_must_have_as_many_lines(tmp_path: Path, arrays: Arrays, read: Read) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    (tmp_path / "y.txt").write_text("1\n2\n")
    with pytest.raises(DataError, match=r"y\.txt: .*: 2 entries, 30 samples"):
        read(tmp_path / "a.npz", labels=str(tmp_path / "y.txt"))


def test_a_label_file_goes_before_labels_inside(tmp_path: Path, arrays: Arrays, read: Read) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    (tmp_path / "y.txt").write_text("cat\n" * 30)
    table = read(tmp_path / "a.npz", labels=str(tmp_path / "y.txt"))
    assert set(table.labels.tolist()) == {"cat"}


def test_bad_values_name_file_and_array(tmp_path: Path, arrays: Arrays, read: Read) -> None:
    arrays["X"][7, 1] = np.nan
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(
        DataError, match=r"^modality image: .*a\.npz: X: .*row 7, column 1 .*: nan: remove or fill"
    ):
        read(tmp_path / "a.npz")


def test_an_array_and_a_label_file_for_each_split(tmp_path: Path, read: Read) -> None:
    (tmp_path / "tr.list").write_text("".join(f"id{i} {i % 2}\n" for i in range(4)))
    (tmp_path / "te.list").write_text("x 0\ny 1\n")
    table = read(
        by_split(tmp_path),
        keys={"features": FEATURES},
        labels={"train": str(tmp_path / "tr.list"), "test": str(tmp_path / "te.list")},
    )
    assert table.features_ND is not None
    assert table.split_N is not None
    assert table.features_ND.tolist() == [[1, 1]] * 4 + [[0, 0]] * 2
    assert table.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert table.split_N.tolist() == [0, 0, 0, 0, 2, 2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"keys": {"features": FEATURES}},
            "keys.labels must be a name for each split, train too, like keys.features, not 'y'",
        ),
        (
            {"keys": {"features": FEATURES, "labels": {"train": "tr"}}},
            "keys.labels must be a name for each split, test too,",
        ),
        (
            {"keys": {"features": "I_tr", "labels": LABELS}},
            "keys.labels must be one name like keys.features",
        ),
        (
            {"keys": {"features": FEATURES}, "labels": "y.txt"},
            "labels must be a name for each split, train too,",
        ),
        (
            {"keys": {"features": FEATURES, "labels": LABELS, "split": "fold"}},
            r"so keys\.split \('fold'\) has nothing to say",
        ),
    ],
)
def test_one_name_here_and_one_for_each_split_there(
    tmp_path: Path, read: Read, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=rf"^modality image: .*{message}"):
        read(by_split(tmp_path), **settings)


def test_splits_must_agree_in_width_and_type(tmp_path: Path, read: Read) -> None:
    keys = {"features": FEATURES, "labels": LABELS}
    with pytest.raises(DataError, match=r"features of all splits .* width: \(4, 2\), \(2, 3\)"):
        read(by_split(tmp_path, I_te=np.zeros((2, 3))), keys=keys)
    with pytest.raises(DataError, match=r"labels of all splits .* width: \(4, 3\), \(2, 2\)"):
        read(by_split(tmp_path, tr=np.eye(4, 3), te=np.eye(2)), keys=keys)
    with pytest.raises(DataError, match="labels of all splits must be of one type"):
        read(by_split(tmp_path, te=np.array(["a", "b"])), keys=keys)
