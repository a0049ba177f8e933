from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdml.errors import DataError
from sdml.experiment import SPLITS, ModalitySettings
from sdml.features import Table, read_table, training_classes
from sdml.features.rows import Rows
from tests.features.loaded import Loaded, build_loaded

Build = Callable[..., Loaded]
CLASSES = ["0", "1", "2"]


def test_given_splits_in_given_order(build: Build, arrays: dict[str, Any]) -> None:
    feature_set = build()
    assert feature_set.made.extractor is None
    for number, split in enumerate(SPLITS):
        samples = feature_set.splits[split]
        rows = arrays["split"] == number
        assert np.array_equal(samples.features_ND, arrays["X"][rows].astype(np.float32))
        assert samples.labels.dtype == np.int32
        assert samples.labels.tolist() == arrays["y"][rows].tolist()
        assert len(samples) == rows.sum()


def test_classes_follow_the_given_order(build: Build, arrays: dict[str, Any]) -> None:
    labels = build(["2", "0", "1"]).splits["train"].labels
    assert labels.tolist() == [{0: 1, 1: 2, 2: 0}[y] for y in arrays["y"][:18]]


def test_transforms_are_fitted_on_train_only(build: Build, arrays: dict[str, Any]) -> None:
    X = arrays["X"].copy()
    X[arrays["split"] > 0] += 100
    feature_set = build(changes={"X": X}, transform="standardize")
    expected = (X - X[:18].mean(axis=0)) / X[:18].std(axis=0)
    held = np.concatenate([feature_set.splits[split].features_ND for split in SPLITS])
    np.testing.assert_allclose(held, expected, rtol=1e-4, atol=1e-4)


def test_the_source_is_not_written_to(tmp_path: Path, arrays: dict[str, Any]) -> None:
    np.save(tmp_path / "X.npy", arrays["X"].astype(np.float32))
    (tmp_path / "y.txt").write_text("\n".join(map(str, arrays["y"])))
    before = (tmp_path / "X.npy").read_bytes()
    settings = ModalitySettings(
        source=str(tmp_path / "X.npy"), labels=str(tmp_path / "y.txt"), transform=("l2",)
    )
    table = read_table(settings, name="image")
    feature_set = build_loaded(table, settings, CLASSES, tmp_path / "made")
    norms = np.linalg.norm(feature_set.splits["test"].features_ND, axis=1)
    np.testing.assert_allclose(norms, 1, rtol=1e-6)
    assert (tmp_path / "X.npy").read_bytes() == before


def test_without_splits_they_are_drawn(build: Build) -> None:
    sizes = {name: len(split) for name, split in build(changes={"split": None}).splits.items()}
    assert sizes == {"train": 24, "validation": 3, "test": 3}


def test_validation_is_taken_when_it_is_missing(build: Build, arrays: dict[str, Any]) -> None:
    changes = {"split": np.where(arrays["split"] == 1, 2, arrays["split"])}
    feature_set = build(changes=changes, split={"validation": 4, "validation_from": "test"})
    sizes = {name: len(split) for name, split in feature_set.splits.items()}
    assert sizes == {"train": 18, "validation": 4, "test": 8}


def test_samples_that_the_shares_leave_out_are_reported(
    build: Build, caplog: pytest.LogCaptureFixture
) -> None:
    build(changes={"split": None}, split={"train": 0.5})
    assert "9 of 30 samples are in no split: raise split.train to use them" in caplog.text


def test_unlabelled_samples_may_train(build: Build, arrays: dict[str, Any]) -> None:
    labels = arrays["y"].copy()
    labels[:3] = -1
    feature_set = build(changes={"y": labels})
    assert feature_set.splits["train"].labels[:4].tolist() == [-1, -1, -1, 0]
    labels[25] = -7
    with pytest.raises(
        DataError, match=r"only train may hold unlabelled .* 1 of split test have no label, .*25"
    ):
        build(changes={"y": labels})


def test_multi_hot(build: Build, arrays: dict[str, Any]) -> None:
    rows = np.eye(3, dtype=np.int64)[arrays["y"]]
    rows[0] = [1, 1, 0]
    rows[1] = 0
    feature_set = build(["a", "b", "c"], changes={"y": rows})
    labels = feature_set.splits["train"].labels
    assert labels.dtype == np.uint8
    assert labels[:3].tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]
    rows[20] = 0
    with pytest.raises(DataError, match="only train may hold unlabelled samples"):
        build(["a", "b", "c"], changes={"y": rows})


@pytest.mark.parametrize(
    ("there", "empty"), [((0,), "validation"), ((2,), "train"), ((0, 1), "test"), ((1, 2), "train")]
)
def test_an_empty_split_is_refused(build: Build, there: tuple[int, ...], empty: str) -> None:
    with pytest.raises(DataError, match=f"split {empty} must hold at least one sample"):
        build(changes={"split": np.resize(there, 30)})


def test_a_class_that_train_lacks(build: Build, caplog: pytest.LogCaptureFixture) -> None:
    message = r"2 of 5 classes have no training sample: '3', '4'"
    with pytest.raises(
        DataError, match=message + r": name classes as .*, or set missing_class: warn"
    ):
        build([*CLASSES, "3", "4"])
    assert len(build([*CLASSES, "3", "4"], missing_class="warn").splits) == 3
    assert "2 of 5 classes have no training sample: '3', '4'" in caplog.text


def test_a_label_outside_the_classes_is_refused(build: Build) -> None:
    with pytest.raises(DataError, match=r"a\.npz: every label must be .* '2' stands in 10 rows"):
        build(["0", "1"])


def test_rows_that_train_holds_too_are_reported(
    build: Build, arrays: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    X = arrays["X"].copy()
    X[20], X[28], X[29] = X[0], X[0], X[5]
    with caplog.at_level(logging.WARNING):
        build(changes={"X": X})
    assert "1 of 6 validation samples equal a training sample" in caplog.text
    assert "2 of 6 test samples equal a training sample" in caplog.text
    caplog.clear()
    build()
    assert not caplog.records


def table_of(labels: Any, split: Any = None) -> Table:
    labels = np.asarray(labels)
    ones = np.ones((len(labels), 1), dtype=np.float32)
    rows = Rows.of_array(ones, where="here")
    return Table(features=rows, labels=labels, split_N=split and np.array(split, dtype=np.int8))


def test_training_classes() -> None:
    assert training_classes(table_of([10, 9, -1, 3], [0, 0, 0, 2]), where="here") == ["9", "10"]
    assert training_classes(table_of([10, 9, -1]), where="here") == ["9", "10"]
    assert training_classes(table_of(["b", "", "a"]), where="here") == ["a", "b"]
    assert training_classes(table_of([[0, 1], [0, 0]]), where="here") == ["0", "1"]


@pytest.mark.parametrize("labels", [[-1, -1], ["", ""], [[0, 0], [0, 0]]])
def test_no_training_label_at_all(labels: Any) -> None:
    with pytest.raises(DataError, match=r"^here: at least one training sample must have a label"):
        training_classes(table_of(labels), where="here")
    with pytest.raises(DataError, match="at least one training sample"):
        training_classes(table_of([-1, 2], [0, 2]), where="here")
