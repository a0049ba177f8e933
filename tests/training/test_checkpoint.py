"""A checkpoint continues its own training and no other; damage costs time, never the result."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from sdml.errors import StoreUnavailableError
from sdml.experiment import TrainingSettings
from sdml.subspace import Subspace
from sdml.tensorfile import pack, unpack
from sdml.training import EpochRecord, FitResult, Interrupted, TrainingData, fit
from sdml.training.checkpoint import fingerprint, settings_digest
from tests.training.trainee import SUBSPACE

P = SUBSPACE.projection_KC


class MemorySlot:
    def __init__(self) -> None:
        self.data: bytes | None = None
        self.saves = 0

    def save(self, data: bytes) -> None:
        self.data = data
        self.saves += 1

    def load(self) -> bytes | None:
        return self.data

    def clear(self) -> None:
        self.data = None


def stopped_after(
    epochs: int, data: TrainingData, settings: TrainingSettings, identity: str = ""
) -> MemorySlot:
    slot, records = MemorySlot(), list[EpochRecord]()

    def stop() -> bool:
        return len(records) + 1 >= epochs

    with pytest.raises(Interrupted, match=f"after epoch {epochs} of {settings.epochs}"):
        fit(
            data,
            P,
            settings,
            data_identity=identity,
            checkpoint=slot,
            on_epoch=records.append,
            stop=stop,
        )
    assert len(records) == epochs
    return slot


def assert_equal(one: FitResult, other: FitResult) -> None:
    assert one.best_epoch == other.best_epoch
    assert {n: a.tobytes() for n, a in one.encoder_state.items()} == {
        n: a.tobytes() for n, a in other.encoder_state.items()
    }


def test_stopped_and_continued(data: TrainingData, settings: TrainingSettings) -> None:
    slot = stopped_after(3, data, settings.model_copy(update={"checkpoint_seconds": 1e9}))
    assert slot.saves == 1
    seen: list[EpochRecord] = []
    resumed = fit(data, P, settings, checkpoint=slot, on_epoch=seen.append)
    assert resumed.resumed_from == 3
    assert [record.epoch for record in seen] == [4, 5, 6, 7, 8]
    assert [record.epoch for record in resumed.history] == list(range(1, 9))
    assert_equal(resumed, fit(data, P, settings))


def test_the_best_epoch_survives(data: TrainingData, settings: TrainingSettings) -> None:
    rising = settings.model_copy(update={"lambda_": 1.0, "epochs": 6})
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


def test_intervals(data: TrainingData, settings: TrainingSettings) -> None:
    ticks = iter(range(0, 10**6, 10))
    for seconds, saves in ((0.0, 8), (1e9, 0)):
        slot = MemorySlot()
        chosen = settings.model_copy(update={"checkpoint_seconds": seconds})
        fit(data, P, chosen, checkpoint=slot, clock=lambda: next(ticks))
        assert slot.saves == saves


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


def test_other_data_starts_anew(data: TrainingData, settings: TrainingSettings) -> None:
    slot = stopped_after(2, data, settings, identity="one")
    assert fit(data, P, settings, data_identity="two", checkpoint=slot).resumed_from is None


def test_damage_starts_anew(
    data: TrainingData, settings: TrainingSettings, caplog: pytest.LogCaptureFixture
) -> None:
    good = stopped_after(2, data, settings).data
    assert good
    arrays, note = unpack(good, "f")
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
