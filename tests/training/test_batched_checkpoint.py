"""A checkpoint of several settings at once: stopped anywhere, it goes on with the same bits."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch

from sdml.errors import Interrupted, StoreUnavailableError
from sdml.experiment import TrainingSettings
from sdml.training import FitResult, TrainingData
from sdml.training.batched import fit_batched
from sdml.training.batched_learner import BatchedLearnerType
from sdml.training.device import find_device
from sdml.training.history import history_to_json
from tests.training.slot import MemorySlot
from tests.training.test_batched import P, changed, each_way, finished, lambdas, several


class Timed(MemorySlot):
    """A second passes with each batch, and some with each save."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.now, self.seconds = 0.0, seconds

    def clock(self) -> float:
        return self.now

    def passes(self) -> bool:
        self.now += 1
        return False

    def save(self, data: bytes) -> None:
        super().save(data)
        self.now += self.seconds


def stop_at(asked: int) -> Callable[[], bool]:
    counter = itertools.count(1)
    return lambda: next(counter) >= asked


def bits(results: list[FitResult]) -> list[object]:
    return [
        (
            result.best_epoch,
            history_to_json(result.history),
            {name: array.tobytes() for name, array in result.encoder_state.items()},
        )
        for result in results
    ]


@each_way
@pytest.mark.parametrize("asked", [3, 8, 9, 21])  # in the first epoch; at, after a validation; late
def test_stopped_and_started_again_it_ends_with_the_same_bits(
    data: TrainingData, settings: TrainingSettings, way: BatchedLearnerType, asked: int
) -> None:
    chosen = several(
        settings, {"lambda": 0.0}, {"seed": 2}, {"lambda": 0.7}, {"learning_rate": 1e30}
    )
    whole = fit_batched(data, P, chosen, learner_type=way)
    slot = MemorySlot()
    with pytest.raises(Interrupted):
        fit_batched(data, P, chosen, learner_type=way, checkpoint=slot, stop=stop_at(asked))
    assert slot.data
    resumed = fit_batched(data, P, chosen, learner_type=way, checkpoint=slot)
    assert bits(finished(resumed[:3])) == bits(finished(whole[:3]))
    assert str(resumed[3]) == str(whole[3])
    assert all(result.resumed_from is not None for result in finished(resumed[:3]))


@each_way
def test_a_checkpoint_of_other_settings_is_left_aside(
    data: TrainingData,
    settings: TrainingSettings,
    way: BatchedLearnerType,
    caplog: pytest.LogCaptureFixture,
) -> None:
    short = changed(settings, epochs=2)
    slot = MemorySlot()
    fit_batched(data, P, lambdas(short, 0.1, 0.2), learner_type=way, checkpoint=slot)
    for chosen in (lambdas(short, 0.2, 0.1), lambdas(short, 0.1, 0.3), lambdas(short, 0.1)):
        fresh = finished(fit_batched(data, P, chosen, learner_type=way, checkpoint=slot))
        assert "of other trainings" in caplog.text
        assert bits(fresh) == bits(finished(fit_batched(data, P, chosen, learner_type=way)))
        caplog.clear()


@each_way
@pytest.mark.parametrize("cut", [0, 7, 2000, -1])
def test_a_damaged_checkpoint_is_left_aside(
    data: TrainingData,
    settings: TrainingSettings,
    way: BatchedLearnerType,
    cut: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    chosen = lambdas(changed(settings, epochs=2), 0.1, 0.2)
    slot = MemorySlot()
    whole = fit_batched(data, P, chosen, learner_type=way, checkpoint=slot)
    assert slot.data
    slot.data = slot.data[:cut]
    again = fit_batched(data, P, chosen, learner_type=way, checkpoint=slot)
    assert "damaged" in caplog.text
    assert bits(finished(again)) == bits(finished(whole))


@each_way
def test_arrays_of_another_shape_are_refused(
    data: TrainingData, settings: TrainingSettings, way: BatchedLearnerType
) -> None:
    learner = way(20, P, lambdas(settings, 0.1, 0.2), find_device("cpu"))
    batch = torch.ones(5, 20), torch.eye(5, 4)
    learner.step([batch, batch])
    state = {name: array.copy() for name, array in learner.state().items()}
    (weight, *_) = (name for name in state if "hidden.0.weight" in name and "exp" not in name)
    for array in (state[weight][..., :-1], state[weight].astype(np.float64)):
        with pytest.raises(ValueError, match="weight"):
            learner.load({**state, weight: array})
    with pytest.raises(KeyError):
        learner.load({})
    learner.load(state)


def test_it_is_kept_as_often_as_its_size_allows(
    data: TrainingData, settings: TrainingSettings
) -> None:
    """A second passes with each batch; alone there would be a checkpoint each 10."""
    often = changed(settings, checkpoint_seconds=10)
    saves = []
    for count, seconds in ((1, 0.0), (3, 0.0), (1, 0.5)):
        slot = Timed(seconds)
        chosen = several(often, *({"seed": seed} for seed in range(count)))
        fit_batched(data, P, chosen, checkpoint=slot, clock=slot.clock, stop=slot.passes)
        saves.append(slot.saves)
    assert saves[0] >= 2 * saves[1] > 0
    assert 0 < saves[2] <= 1 + slot.now / 50  # a hundredth of the time at most
    every = MemorySlot()
    fit_batched(data, P, lambdas(settings, 0.1, 0.2), checkpoint=every)
    assert every.saves == settings.epochs


def test_a_store_that_fails_costs_the_checkpoint_only(
    data: TrainingData, settings: TrainingSettings, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(MemorySlot):
        def save(self, data: bytes) -> None:
            raise StoreUnavailableError("gone")

    finished(fit_batched(data, P, lambdas(settings, 0.1, 0.2), checkpoint=Broken()))
    assert "checkpoint could not be saved: gone" in caplog.text
