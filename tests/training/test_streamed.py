"""A training whose features are read from their files is the one with all of them in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdml.training import TrainingData, fit
from sdml.training import data as module
from tests.training.trainee import SETTINGS, SUBSPACE, modality


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
