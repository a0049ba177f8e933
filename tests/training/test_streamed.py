"""A training whose features are read from their files is the one with all of them in memory."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from sdml.errors import IntegrityError
from sdml.rowfile import RowFile
from sdml.training import TrainingData, fit, streamed
from sdml.training import data as module
from sdml.training.streamed import RowArray, stream
from tests.training.trainee import SETTINGS, SUBSPACE, modality

CPU = torch.device("cpu")


@pytest.mark.parametrize("method", ["sdml", "classifier", "drcl"])
def test_every_bit_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    held = modality(features=11, seed=1)
    paths = {}
    for split in ("features_ND", "validation_features_ND"):
        paths[split] = tmp_path / f"{split}.npy"
        np.save(paths[split], getattr(held, split))
    mapped = TrainingData(
        features_ND=np.load(paths["features_ND"], mmap_mode="r"),
        labels=held.labels,
        validation_features_ND=np.load(paths["validation_features_ND"], mmap_mode="r"),
        validation_labels=held.validation_labels,
    )
    settings = type(SETTINGS).model_validate(
        {"method": method, "epochs": 3, "batch_size": 50, "hidden": (16,), "threads": 1}
    )
    first = fit(held, SUBSPACE.projection_KC, settings)
    assert not caplog.records
    monkeypatch.setattr(module, "available_memory", lambda: 1000)
    second = fit(mapped, SUBSPACE.projection_KC, settings)
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [
        "the training features",
        "the validation features",
    ]
    assert first.encoder_state.keys() == second.encoder_state.keys()
    for name, values in first.encoder_state.items():
        assert np.array_equal(values, second.encoder_state[name])
    for one, other in zip(first.history, second.history, strict=True):
        assert one.validation_loss == other.validation_loss
        assert one.train_loss == other.train_loss


class Watched(RowArray):
    """Rows in memory that note what was announced, and refuse what was not."""

    def __init__(self, features_ND: npt.NDArray[np.float32]) -> None:
        super().__init__(features_ND)
        self.announced: list[int] = []
        self.together: list[int] = []
        self.copied: list[int] = []

    def announce(self, rows_B: npt.NDArray[np.intp]) -> None:
        assert self.announced == self.copied, "what is announced is copied before there is more"
        self.announced += rows_B.tolist()
        self.together.append(len(rows_B))

    def read(self, rows_B: npt.NDArray[np.intp], out_BD: npt.NDArray[np.float32]) -> None:
        super().read(rows_B, out_BD)
        self.copied += rows_B.tolist()


@pytest.mark.parametrize(("samples", "done"), [(1000, 0), (997, 0), (997, 3), (40, 0), (20, 10)])
def test_every_row_is_announced_once_and_copied_next(samples: int, done: int) -> None:
    features_ND = np.random.default_rng(0).normal(size=(samples, 3)).astype(np.float32)
    order_N = np.random.default_rng(1).permutation(samples)
    source, starts = Watched(features_ND), range(10 * done, samples, 10)
    with closing(stream(source, order_N, starts, samples, CPU)) as batches:
        for start, batch_BD in zip(starts, batches, strict=True):
            assert np.array_equal(batch_BD.numpy(), features_ND[order_N[start : start + 10]])
    assert source.announced == source.copied == order_N[10 * done :].tolist()


def test_no_more_is_read_than_there_are_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "_MOST", 4)
    source = Watched(np.zeros((1000, 3), dtype=np.float32))
    batches = stream(source, np.arange(1000), range(0, 1000, 10), 1000, CPU)
    next(batches)
    while len(source.copied) < 10 * 4:  # then it waits for a buffer
        time.sleep(0.001)
    batches.close()
    assert source.announced == list(range(10 * 4))
    assert not [thread for thread in threading.enumerate() if thread.name == "sdml-samples"]


def test_few_rows_are_announced_together(monkeypatch: pytest.MonkeyPatch) -> None:
    for most, expected in ((25, 20), (10, 10), (3, 10)):  # whole batches of 10, one at least
        monkeypatch.setattr(streamed, "_TOGETHER", most)
        source = Watched(np.zeros((100, 3), dtype=np.float32))
        with closing(stream(source, np.arange(100), range(0, 100, 10), 100, CPU)) as batches:
            assert len(list(batches)) == 10
        assert max(source.together) == source.together[0] == expected
        assert sum(source.together) == 100


def test_a_file_that_ends_too_early_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.bin"
    path.write_bytes(bytes(4 * 3 * 50))
    source = RowFile(path, offset=0, shape=(60, 3))
    batches = stream(source, np.arange(60), range(0, 60, 10), 60, CPU)
    with closing(batches), pytest.raises(IntegrityError, match=r"rows\.bin: must hold 60 rows"):
        for _ in batches:
            pass
