"""Batches are a permutation of the samples; what does not fit together is refused."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sdml.errors import DataError, IntegrityError
from sdml.training import data
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


def mapped(tmp_path: Path, rows: int, width: int) -> npt.NDArray[np.float32]:
    values = np.random.default_rng(5).normal(size=(rows, width)).astype(np.float32)
    np.save(tmp_path / "rows.npy", values)
    loaded: npt.NDArray[np.float32] = np.load(tmp_path / "rows.npy", mmap_mode="r")
    return loaded


def copies(batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> list[list[npt.NDArray[Any]]]:
    return [[tensor.numpy().copy() for tensor in batch] for batch in batches]


@pytest.mark.parametrize("classes", [None, 3])
@pytest.mark.parametrize("done", [0, 3])
@pytest.mark.parametrize(("size", "drop_last"), [(7, True), (7, False), (64, False), (5000, False)])
def test_what_is_read_from_a_file_is_what_memory_would_have_given(
    tmp_path: Path, size: int, drop_last: bool, done: int, classes: int | None
) -> None:
    rows = mapped(tmp_path, 2500, 5)
    labels = np.random.default_rng(1).integers(-1, 3, 2500).astype(np.int32)
    if classes:
        labels = np.random.default_rng(1).integers(0, 2, (2500, classes)).astype(np.uint8)
    makes = [
        Samples(rows, labels, classes=3, device=CPU, name="training", room=room)
        for room in (1 << 40, 4 * rows.size - 1)
    ]
    assert [made.streamed for made in makes] == [False, True]
    held, read = (
        copies(made.batches(size, seed=2, epoch=4, drop_last=drop_last, done=done))
        for made in makes
    )
    blocks, read_blocks = (copies(made.blocks()) for made in makes)
    for one, other in ((held, read), (blocks, read_blocks)):
        assert len(one) == len(other)
        for ours, theirs in zip(one, other, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_only_a_whole_file_of_rows_can_be_streamed(tmp_path: Path) -> None:
    rows = mapped(tmp_path, 20, 5)
    turned = np.asfortranarray(rows)
    np.save(tmp_path / "turned.npy", turned)
    others = [
        rows[3:],
        np.array(rows),
        np.load(tmp_path / "turned.npy", mmap_mode="r"),
        rows.astype(np.float64),
    ]
    for features in others:
        labels = np.zeros(len(features), dtype=np.int32)
        made = Samples(features, labels, classes=1, device=CPU, name="training", room=0)
        assert not made.streamed
        [(block, _)] = made.blocks()
        assert np.array_equal(block, features)


def test_the_choice_depends_on_the_memory_that_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rows = mapped(tmp_path, 1 << 14, 32)  # 2 MiB
    labels = np.zeros(len(rows), dtype=np.int32)

    def streamed(free: int) -> bool:
        monkeypatch.setattr(data, "available_memory", lambda: free)
        return Samples(rows, labels, classes=1, device=CPU, name="training").streamed

    caplog.set_level("INFO")
    assert not streamed(4 << 20)
    assert not caplog.records
    assert streamed(3 << 20)
    assert "the training features (2 MiB) are read batch by batch: 1 MiB are left" in caplog.text


def test_a_training_that_stops_early_leaves_no_thread(tmp_path: Path) -> None:
    rows = mapped(tmp_path, 5000, 8)
    labels = np.zeros(len(rows), dtype=np.int32)
    made = Samples(rows, labels, classes=1, device=CPU, name="training", room=0)
    batches = made.batches(10, seed=0, epoch=1, drop_last=True)
    next(batches)
    del batches
    assert "sdml-samples" not in {thread.name for thread in threading.enumerate()}


def test_a_file_that_was_cut_is_refused(tmp_path: Path) -> None:
    rows = mapped(tmp_path, 100, 8)
    labels = np.zeros(len(rows), dtype=np.int32)
    made = Samples(rows, labels, classes=1, device=CPU, name="training", room=0)
    os.truncate(tmp_path / "rows.npy", 1000)
    with pytest.raises(IntegrityError, match=r"rows\.npy: must hold 100 rows of 8 values, but"):
        list(made.batches(10, seed=0, epoch=1, drop_last=True))
    with pytest.raises(IntegrityError, match="must hold 100 rows"):
        list(made.blocks())
