"""A checkpoint continues its own training and no other; damage costs time, never the result."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from sdml.errors import StoreUnavailableError
from sdml.experiment import TrainingSettings
from sdml.subspace import Subspace
from sdml.tensorfile import pack, unpack
from sdml.training import EpochRecord, FitResult, Interrupted, TrainingData, fit
from sdml.training import checkpoint as checkpoints
from sdml.training.checkpoint import fingerprint, settings_digest
from sdml.training.history import history_to_json
from tests.training.slot import MemorySlot
from tests.training.trainee import SUBSPACE

P = SUBSPACE.projection_KC


def stopped_after(
    epochs: int,
    data: TrainingData,
    settings: TrainingSettings,
    *,
    batches: int = 1,
    identity: str = "",
) -> MemorySlot:
    """The checkpoint of a training that was stopped after so many epochs and batches."""
    slot, records = MemorySlot(), list[EpochRecord]()
    asked = 0  # within the epoch under way, or once before the first

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return len(records) == epochs and asked - (epochs == 0) == batches

    def on_epoch(record: EpochRecord) -> None:
        nonlocal asked
        asked = 0
        records.append(record)

    with pytest.raises(Interrupted, match=f"in epoch {epochs + 1} of 8, after {min(batches, 6)} "):
        fit(
            data,
            P,
            settings,
            data_identity=identity,
            checkpoint=slot,
            on_epoch=on_epoch,
            stop=stop,
        )
    assert len(records) == epochs
    return slot


def assert_equal(one: FitResult, other: FitResult) -> None:
    assert one.best_epoch == other.best_epoch
    assert {n: a.tobytes() for n, a in one.encoder_state.items()} == {
        n: a.tobytes() for n, a in other.encoder_state.items()
    }
    assert history_to_json(one.history) == history_to_json(other.history)


# 7 is in the validation of the six batches, which is done again
@pytest.mark.parametrize("batches", [1, 4, 6, 7])
@pytest.mark.parametrize("epochs", [0, 3, 7])
def test_stopped_in_an_epoch_and_continued(
    data: TrainingData, settings: TrainingSettings, epochs: int, batches: int
) -> None:
    rare = settings.model_copy(update={"checkpoint_seconds": 1e9})
    slot = stopped_after(epochs, data, rare, batches=batches)
    assert slot.saves == 1
    seen: list[EpochRecord] = []
    resumed = fit(data, P, settings, checkpoint=slot, on_epoch=seen.append)
    assert resumed.resumed_from == epochs
    assert [record.epoch for record in seen] == list(range(epochs + 1, 9))
    assert [record.epoch for record in resumed.history] == list(range(1, 9))
    assert_equal(resumed, fit(data, P, settings))


@pytest.mark.parametrize("lambda_", [0.0, 1.0])
def test_stopped_again_and_again(
    data: TrainingData, settings: TrainingSettings, lambda_: float
) -> None:
    """After every second batch or validation, with a last batch that is smaller."""
    settings = settings.model_copy(
        update={"epochs": 3, "batch_size": 70, "drop_last": False, "lambda_": lambda_}
    )
    slot, stops = MemorySlot(), 0
    while True:
        asks = count(1)  # before the first batch, after it, after the second
        try:
            resumed = fit(data, P, settings, checkpoint=slot, stop=partial(third_of, asks))
        except Interrupted:
            stops += 1
        else:
            break
    assert stops > 6
    assert_equal(resumed, fit(data, P, settings))


def third_of(asks: Iterator[int]) -> bool:
    return next(asks) == 3


def test_a_stop_before_the_first_batch_keeps_nothing(
    data: TrainingData, settings: TrainingSettings
) -> None:
    slot = MemorySlot()
    with pytest.raises(Interrupted, match="in epoch 1 of 8, after 0 of its batches"):
        fit(data, P, settings, checkpoint=slot, stop=lambda: True)
    assert slot.saves == 0


def test_a_stop_without_a_slot(data: TrainingData, settings: TrainingSettings) -> None:
    asked = iter([False])
    with pytest.raises(Interrupted):
        fit(data, P, settings, stop=lambda: next(asked, True))


def test_the_best_epoch_survives(data: TrainingData, settings: TrainingSettings) -> None:
    rising = settings.model_copy(update={"lambda_": 1.0})
    slot = stopped_after(4, data, rising)
    resumed = fit(data, P, rising, checkpoint=slot)
    assert resumed.best_epoch < 4
    assert_equal(resumed, fit(data, P, rising))


def test_a_finished_training_is_not_repeated(
    data: TrainingData, settings: TrainingSettings
) -> None:
    slot = MemorySlot()
    first = fit(data, P, settings, checkpoint=slot)
    again = fit(data, P, settings, checkpoint=slot)
    assert again.resumed_from == settings.epochs
    assert_equal(first, again)


@pytest.mark.parametrize(("seconds", "saves"), [(0.0, 8), (1e9, 0), (10.0, 8 * 8)])
def test_intervals(
    data: TrainingData, settings: TrainingSettings, seconds: float, saves: int
) -> None:
    # ten seconds a batch, a validation or a look at the clock, but none for a save
    slot, looks = MemorySlot(), itertools.count()
    chosen = settings.model_copy(update={"checkpoint_seconds": seconds})
    fit(data, P, chosen, checkpoint=slot, clock=lambda: 10.0 * (next(looks) - slot.saves))
    assert slot.saves == saves


def test_saving_takes_a_hundredth_of_the_time_at_most(
    data: TrainingData, settings: TrainingSettings
) -> None:
    # looks of ten seconds each, and so is a save: one of a hundred looks may save
    chosen = settings.model_copy(update={"checkpoint_seconds": 10.0})
    slot, looks = MemorySlot(), itertools.count()
    fit(data, P, chosen, checkpoint=slot, clock=lambda: 10.0 * next(looks))
    assert slot.saves == 1 + (next(looks) - 2) // 101


@pytest.mark.parametrize(
    "change",
    [
        {"lambda_": 0.4},
        {"seed": 1},
        {"epochs": 9},
        {"learning_rate": 2e-3},
        {"selection": "last"},
        {"hidden": (32, 25)},
    ],
)
def test_other_settings_start_anew(
    data: TrainingData,
    settings: TrainingSettings,
    change: dict[str, object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    slot = stopped_after(2, data, settings)
    result = fit(data, P, settings.model_copy(update=change), checkpoint=slot)
    assert result.resumed_from is None
    assert "another training" in caplog.text


def test_fingerprint_covers_settings_data_and_projection() -> None:
    settings = TrainingSettings()
    other = Subspace.random(SUBSPACE.classes, dimension=16, seed=1).projection_KC
    marks = {
        fingerprint(settings, P, "x"),
        fingerprint(settings, P, "y"),
        fingerprint(settings, other, "x"),
        fingerprint(settings.model_copy(update={"squared": True}), P, "x"),
    }
    assert len(marks) == 4
    assert fingerprint(settings, P, "x") in marks


def test_where_and_how_often_do_not_count() -> None:
    changed = TrainingSettings(threads=3, device="cpu", checkpoint_seconds=1.0)
    assert settings_digest(changed) == settings_digest(TrainingSettings())


def test_a_checkpoint_of_the_first_schema_is_left_aside(
    data: TrainingData,
    settings: TrainingSettings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "_SCHEMA", 1)
        slot = stopped_after(2, data, settings)
    assert fit(data, P, settings, checkpoint=slot).resumed_from is None
    assert "another training" in caplog.text


def test_other_data_starts_anew(data: TrainingData, settings: TrainingSettings) -> None:
    slot = stopped_after(2, data, settings, identity="one")
    assert fit(data, P, settings, data_identity="two", checkpoint=slot).resumed_from is None


def test_damage_starts_anew(
    data: TrainingData, settings: TrainingSettings, caplog: pytest.LogCaptureFixture
) -> None:
    good = stopped_after(2, data, settings).data
    assert good
    arrays, note = unpack(good, "f")
    assert arrays["losses"].shape == (1, 3)
    fewer_losses = {**arrays, "losses": arrays["losses"][:, :2]}
    assert fit(data, P, settings, checkpoint=_holding(good)).resumed_from == 2
    fewer = {name: array for name, array in arrays.items() if "exp_avg." not in name}
    shape = {**arrays, "learner.encoder.output.bias": arrays["learner.encoder.output.bias"][:3]}
    expected = fit(data, P, settings)
    for damaged in (
        b"",
        good[:-1],
        good[: len(good) // 2],
        pack(fewer, note),
        pack(shape, note),
        pack(fewer_losses, note),
        pack({name: array for name, array in arrays.items() if name != "losses"}, note),
        pack(arrays, {"fingerprint": note["fingerprint"]}),
        pack(arrays, {**note, "history": [{"epoch": 1}]}),
        pack(arrays, {}),
    ):
        caplog.clear()
        result = fit(data, P, settings, checkpoint=_holding(damaged))
        assert result.resumed_from is None
        assert [r.levelname for r in caplog.records if "damaged" in r.message] == ["WARNING"]
        assert_equal(result, expected)


def _holding(data: bytes) -> MemorySlot:
    slot = MemorySlot()
    slot.data = data
    return slot


def test_a_store_that_fails_does_not_stop_the_training(
    data: TrainingData, settings: TrainingSettings, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(MemorySlot):
        def save(self, data: bytes) -> None:
            raise StoreUnavailableError("no answer")

    with caplog.at_level(logging.WARNING):
        result = fit(data, P, settings, checkpoint=Failing())
    assert result.epochs == settings.epochs
    assert "no answer" in caplog.text


def test_the_stores_slot_fits(
    data: TrainingData, settings: TrainingSettings, tmp_path: Path
) -> None:
    from sdml.store import Catalog, open_store

    slot = Catalog(open_store(str(tmp_path)), "c", tmp_path / "scratch").checkpoint("m")
    assert fit(data, P, settings, checkpoint=slot).resumed_from is None
    assert fit(data, P, settings, checkpoint=slot).resumed_from == settings.epochs
