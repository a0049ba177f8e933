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
