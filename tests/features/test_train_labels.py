"""Hidden and wrong training labels: exact shares, no order, clean validation and test."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import chisquare

from sdml.errors import DataError
from sdml.experiment import SplitName, TrainLabelSettings
from sdml.features.train_labels import worsen
from tests.features.loaded import Loaded

Labels = npt.NDArray[Any]
Build = Callable[..., Loaded]


def made_of(labels: Labels, classes: int = 5, name: str = "image", **settings: Any) -> Labels:
    return worsen(labels, TrainLabelSettings(**settings), classes, name=name)[0]


def single(samples: int = 1000, classes: int = 5) -> Labels:
    return (np.arange(samples) % classes).astype(np.int32)


def several(samples: int = 600) -> Labels:
    """Of five classes one, two, all five or none."""
    hot = np.eye(5, dtype=np.uint8)[np.arange(samples) % 5]
    hot[::4, 0] = 1
    hot[1::50] = 1
    hot[2::50] = 0
    return hot


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.8])
def test_the_rate_is_that_of_wrong_labels(rate: float) -> None:
    labels = single()
    labels[:100] = -1
    made = made_of(labels, noise=rate)
    assert (made != labels).sum() == round(rate * 900)
    assert made[:100].tolist() == [-1] * 100
    assert made.dtype == np.int32
    assert made.max() == 4


def test_every_other_class_is_equally_likely() -> None:
    labels = single(20_000)
    made = made_of(labels, noise=0.8)
    wrong = made != labels
    for c in range(5):
        counts = np.bincount(made[wrong & (labels == c)], minlength=5)
        assert counts[c] == 0
        assert chisquare(np.delete(counts, c)).pvalue > 1e-4
    assert chisquare(np.bincount(labels[wrong])).pvalue > 1e-4


def test_several_labels_become_as_many_others() -> None:
    labels = several()
    made = made_of(labels, noise=0.5)
    np.testing.assert_array_equal(made.sum(1), labels.sum(1))
    changed = (made != labels).any(1)
    movable = (labels.sum(1) > 0) & (labels.sum(1) < 5)
    assert not changed[~movable].any()
    assert changed.sum() == round(0.5 * movable.sum())
    assert made.dtype == np.uint8


@pytest.mark.parametrize("labels", [single(), several()])
def test_the_seed_and_the_modality_decide_and_nothing_is_changed_in_place(labels: Labels) -> None:
    before = labels.copy()
    made = made_of(labels, noise=0.3, hidden=0.2)
    np.testing.assert_array_equal(made, made_of(labels, noise=0.3, hidden=0.2))
    assert (made != made_of(labels, noise=0.3, hidden=0.2, seed=1)).any()
    assert (made != made_of(labels, noise=0.3, hidden=0.2, name="text")).any()
    np.testing.assert_array_equal(labels, before)


def test_what_a_small_rate_damages_a_greater_one_does_too() -> None:
    labels = single()
    for key in ("noise", "hidden"):
        settings: list[dict[str, Any]] = [{key: rate} for rate in (0.2, 0.6)]
        small, great = (made_of(labels, **each) for each in settings)
        touched = small != labels
        np.testing.assert_array_equal(great[touched], small[touched])


def test_labels_are_hidden_class_by_class_and_one_stays() -> None:
    labels = np.repeat([0, 1, 2, 3], [100, 40, 3, 1]).astype(np.int32)
    made = made_of(labels, classes=4, hidden=0.9)
    assert np.bincount(made[made >= 0]).tolist() == [10, 4, 1, 1]
    assert ((made == labels) | (made == -1)).all()


def test_hidden_rows_of_several_labels_are_rows_of_zeros() -> None:
    labels = several()
    made = made_of(labels, hidden=0.5)
    bare = ~made.any(1) & labels.any(1)
    assert bare.sum() == pytest.approx(0.5 * labels.any(1).sum(), abs=5)
    np.testing.assert_array_equal(made[~bare], labels[~bare])


def test_noise_is_for_the_labels_that_stay() -> None:
    labels = single()
    made = made_of(labels, hidden=0.5, noise=0.4)
    assert (made == -1).sum() == 500
    assert ((made != labels) & (made >= 0)).sum() == 200


def test_one_class_has_no_other() -> None:
    with pytest.raises(DataError, match="another class"):
        made_of(single(classes=1), classes=1, noise=0.1)
    assert made_of(single(4, 1), classes=1, hidden=0.5).tolist().count(-1) == 2


def test_validation_and_test_stay_clean(build: Build, caplog: pytest.LogCaptureFixture) -> None:
    clean = build()
    with caplog.at_level(logging.INFO, logger="sdml"):
        made = build(train_labels={"noise": 0.5, "hidden": 0.5, "seed": 3})
    assert "of 18 training samples 9 lose their labels and 4 get wrong ones" in caplog.text
    for split, samples in clean.splits.items():
        np.testing.assert_array_equal(samples.features_ND, made.splits[split].features_ND)
        changed = int((samples.labels != made.splits[split].labels).sum())
        assert changed == (13 if split == "train" else 0)


def test_a_drawn_validation_split_is_the_same_and_clean(build: Build) -> None:
    drawn: dict[str, Any] = {"changes": {"split": None}}
    clean, made = build(**drawn), build(**drawn, train_labels={"noise": 0.5})
    splits: tuple[SplitName, ...] = ("validation", "test")
    for split in splits:
        np.testing.assert_array_equal(clean.splits[split].labels, made.splits[split].labels)


def test_a_class_that_noise_has_emptied_is_missed(build: Build) -> None:
    with pytest.raises(DataError, match="have no training sample"):
        build(
            changes={"y": np.array([0, 1, 2] + [0] * 27)},
            train_labels={"noise": 0.8, "seed": 0, "hidden": 0.95},
        )
