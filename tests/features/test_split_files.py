"""Files of splits: the same bits whatever the height of the blocks."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from sdml.errors import DataError
from sdml.experiment import SPLITS
from sdml.experiment.modality import Transform
from sdml.features import rows as module
from sdml.features import transforms
from sdml.features.rows import Rows
from sdml.features.split_files import SplitFiles, write_splits

N, D = 1000, 7


def made(folder: Path, steps: tuple[Transform, ...], values_ND: np.ndarray) -> SplitFiles:
    folder.mkdir()
    split_N = np.random.default_rng(1).integers(-1, 3, N).astype(np.int8)
    rows = Rows.of_array(values_ND, where="here")
    return write_splits(rows, split_N, steps, folder, where="here")


@pytest.mark.parametrize(
    "steps",
    [(), ("l2",), ("standardize",), ("l2", "standardize"), ("standardize", "l2", "standardize")],
)
def test_small_blocks_and_large_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: tuple[Transform, ...]
) -> None:
    values_ND = np.random.default_rng(0).normal(size=(N, D)) * np.arange(1, D + 1)
    results = []
    for number, size in enumerate((1, 4 * D * 3, 4 * D * 128, 1 << 20)):
        monkeypatch.setattr(module, "BLOCK_BYTES", size)
        results.append(made(tmp_path / str(number), steps, values_ND))
    for result in results:
        for split in SPLITS:
            file = result.files[split]
            data = file.path.read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (file.bytes, file.sha256)
            assert file.sha256 == results[0].files[split].sha256
        assert result.transform.to_objects() == results[0].transform.to_objects()


def plain(values_ND: np.ndarray, train_N: np.ndarray, steps: tuple[Transform, ...]) -> np.ndarray:
    """The same transforms of all rows at once."""
    for step in steps:
        wide_ND = values_ND.astype(np.float64)
        if step == "l2":
            norms = np.linalg.norm(wide_ND, axis=1, keepdims=True)
            wide_ND = wide_ND / np.where(norms > 0, norms, 1.0)
        else:
            mean_D = wide_ND[train_N].sum(axis=0) / train_N.sum()
            apart_ND = wide_ND - mean_D
            wide_ND = apart_ND / np.sqrt(np.square(apart_ND[train_N]).sum(axis=0) / train_N.sum())
        values_ND = wide_ND.astype(np.float32)
    return values_ND


@pytest.mark.parametrize("chunk", [1, 40, 1 << 15])
@pytest.mark.parametrize(
    "steps", [(), ("l2",), ("standardize",), ("standardize", "l2"), ("l2", "standardize")]
)
def test_the_bytes_are_those_of_all_rows_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: tuple[Transform, ...], chunk: int
) -> None:
    monkeypatch.setattr(transforms, "_CHUNK_VALUES", chunk)
    values_ND = np.random.default_rng(0).normal(size=(N, D)).astype(np.float32)
    values_ND[:3] = 0
    split_N = np.random.default_rng(1).integers(-1, 3, N).astype(np.int8)
    result = made(tmp_path / "files", steps, values_ND)
    expected_ND = plain(values_ND, split_N == 0, steps)
    for number, split in enumerate(SPLITS):
        np.save(tmp_path / "expected.npy", expected_ND[split_N == number])
        assert result.files[split].path.read_bytes() == (tmp_path / "expected.npy").read_bytes()


def test_rows_that_train_has_too_are_counted(tmp_path: Path) -> None:
    values_ND = np.random.default_rng(0).normal(size=(N, D)).astype(np.float32)
    split_N = np.random.default_rng(1).integers(-1, 3, N).astype(np.int8)
    train, validation, test = (np.flatnonzero(split_N == number) for number in range(3))
    values_ND[validation[:5]] = values_ND[train[:5]]
    values_ND[test[:2]] = values_ND[train[3]]
    values_ND[test[2]] = values_ND[validation[9]]
    rows = Rows.of_array(values_ND, where="here")
    found = write_splits(rows, split_N, ("l2",), tmp_path, where="here")
    assert found.duplicates == {"validation": 5, "test": 2}


def test_a_bad_value_far_inside_is_refused(tmp_path: Path) -> None:
    values_ND = np.zeros((N, D))
    values_ND[900, 3] = np.inf
    with pytest.raises(DataError, match=r"here: features must be finite: 1 value .*row 900"):
        made(tmp_path / "a", (), values_ND)


def test_a_part_is_those_rows() -> None:
    values_ND = np.arange(40.0).reshape(20, 2)
    whole = Rows.of_array(values_ND, where="here")
    joined = Rows.joined([whole.part(0, 7), whole.part(7, 8), whole.part(8, 20)], where="here")
    for start, stop in ((0, 20), (0, 1), (6, 9), (7, 8), (13, 20)):
        for rows in (whole, joined):
            part = rows.part(start, stop)
            assert len(part) == stop - start
            assert np.array_equal(part.all(), values_ND[start:stop])
