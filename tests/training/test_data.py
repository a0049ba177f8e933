"""Batches are a permutation of the samples; what does not fit together is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sdml.errors import DataError
from sdml.training.data import Samples

CPU = torch.device("cpu")


def numbered(count: int, labels: npt.NDArray[Any] | None = None) -> Samples:
    """Sample i has the features (i, -i) and the label i mod 3."""
    features = np.arange(count, dtype=np.float32)[:, None] * np.array([1, -1], dtype=np.float32)
    if labels is None:
        labels = (np.arange(count) % 3).astype(np.int32)
    return Samples(features, labels, classes=3, device=CPU, name="training")


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 50), st.booleans(), st.integers(1, 9))
def test_an_epoch_is_a_permutation(count: int, size: int, drop_last: bool, epoch: int) -> None:
    seen, sizes = [], []
    for features, targets in numbered(count).batches(
        size, seed=3, epoch=epoch, drop_last=drop_last
    ):
        seen += features[:, 0].int().tolist()
        sizes.append(len(features))
        assert torch.equal(features[:, 1], -features[:, 0])
        assert targets.dtype == torch.float32
        assert targets.argmax(1).tolist() == [int(i) % 3 for i in features[:, 0]]
        assert targets.sum(1).tolist() == [1] * len(features)
    expected = np.random.default_rng((3, epoch)).permutation(count).tolist()
    if drop_last:
        assert sizes == [size] * (count // size)
        assert seen == expected[: count // size * size]
    else:
        assert all(s == size for s in sizes[:-1])
        assert seen == expected


def test_epochs_and_seeds_differ() -> None:
    samples = numbered(30)

    def order(seed: int, epoch: int) -> list[float]:
        batches = samples.batches(30, seed=seed, epoch=epoch, drop_last=True)
        return next(batches)[0][:, 0].tolist()

    assert order(0, 1) == order(0, 1)
    assert order(0, 1) != order(0, 2)
    assert order(0, 1) != order(1, 1)


def test_blocks_hold_everything_in_order() -> None:
    blocks = list(numbered(2500).blocks())
    assert [len(features) for features, _ in blocks] == [1024, 1024, 452]
    assert torch.cat([f for f, _ in blocks])[:, 0].tolist() == list(range(2500))
    assert torch.cat([t for _, t in blocks]).shape == (2500, 3)


def test_both_forms_of_labels() -> None:
    single = numbered(4, np.array([0, 2, -1, 1], dtype=np.int32))
    multi = numbered(4, np.array([[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 1, 0]], dtype=np.uint8))
    assert single.labelled == multi.labelled == 3
    (_, targets), (_, targets2) = next(single.blocks()), next(multi.blocks())
    assert torch.equal(targets, targets2)


def test_a_read_only_file_map_is_used_in_place(tmp_path: Path) -> None:
    features = np.arange(12, dtype=np.float32).reshape(6, 2)
    np.save(tmp_path / "x.npy", features)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    samples = Samples(mapped, np.zeros(6, dtype=np.int32), classes=1, device=CPU, name="training")
    (block, _) = next(samples.blocks())
    assert block.data_ptr() == mapped.ctypes.data
    np.testing.assert_array_equal(block.numpy(), features)


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (np.zeros(3), np.zeros(3, dtype=np.int32), "matrix"),
        (np.zeros((0, 2)), np.zeros(0, dtype=np.int32), "at least one row"),
        (np.zeros((3, 0)), np.zeros(3, dtype=np.int32), "at least one row"),
        (np.zeros((3, 2)), np.zeros(4, dtype=np.int32), "4 labels for 3 samples"),
        (np.zeros((2, 2)), np.array([0, 3], dtype=np.int32), "between 0 and 2.*from 0 to 3"),
        (np.zeros((2, 2)), np.array([0, -2], dtype=np.int32), "from -2 to 0"),
        (np.zeros((2, 2)), np.zeros((2, 4), dtype=np.uint8), "one column for each of the 3"),
        (np.zeros((2, 2)), np.array(["a", "b"]), "class numbers"),
        (np.zeros((2, 2)), np.array([0.0, 1.0]), "class numbers"),
    ],
)
def test_what_does_not_fit_is_refused(
    features: npt.NDArray[np.float32], labels: npt.NDArray[Any], message: str
) -> None:
    with pytest.raises(DataError, match=rf"validation.*{message}"):
        Samples(features, labels, classes=3, device=CPU, name="validation")
