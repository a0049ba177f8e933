"""Several settings at once: what each becomes is what it becomes alone."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from sdml.errors import DataError, ExperimentError, Interrupted, TrainingError
from sdml.experiment import TrainingSettings
from sdml.subspace import Subspace
from sdml.training import FitResult, TrainingData, fit
from sdml.training.batched import fit_batched, ways
from sdml.training.batched_learner import BatchedLearnerType, TurnsLearner
from sdml.training.batched_stack import StackedLearner
from sdml.training.device import find_device
from tests.training.trainee import SUBSPACE

P = SUBSPACE.projection_KC
WAYS: list[BatchedLearnerType] = [TurnsLearner, StackedLearner]
CLOSE = 1e-5

each_way = pytest.mark.parametrize("way", WAYS)


def changed(settings: TrainingSettings, **values: Any) -> TrainingSettings:
    said = {**settings.model_dump(by_alias=True), **values}
    said["preset"] = "sdml-reference" if said["method"] == "sdml" else None
    return TrainingSettings.model_validate(said)


def several(settings: TrainingSettings, *values: dict[str, Any]) -> list[TrainingSettings]:
    return [changed(settings, **each) for each in values]


def lambdas(settings: TrainingSettings, *values: float) -> list[TrainingSettings]:
    return [changed(settings, **{"lambda": value}) for value in values]


def finished(results: list[FitResult | TrainingError]) -> list[FitResult]:
    found = [result for result in results if isinstance(result, FitResult)]
    assert len(found) == len(results)
    return found


def assert_same(together: FitResult, alone: FitResult, *, exactly: bool) -> None:
    """Histories, selected epoch and weights."""
    close = 0.0 if exactly else CLOSE
    assert (together.best_epoch, together.epochs) == (alone.best_epoch, alone.epochs)
    for one, other in zip(together.history, alone.history, strict=True):
        left, right = one.as_json(), other.as_json()
        del left["samples_per_second"], right["samples_per_second"]
        assert left == pytest.approx(right, rel=close, abs=close)
    assert together.encoder_state.keys() == alone.encoder_state.keys()
    for name, array in alone.encoder_state.items():
        found = together.encoder_state[name]
        assert (found.shape, found.dtype) == (array.shape, array.dtype)
        np.testing.assert_allclose(found, array, rtol=close, atol=close, err_msg=name)


GRIDS: dict[str, list[dict[str, Any]]] = {
    "λ": [{"lambda": value} for value in (0.0, 0.1, 0.5, 0.9, 1.0)],
    "λ = 0 in the middle": [{"lambda": value} for value in (0.5, 0.0, 0.2)],
    "no decoder at all": [{"lambda": 0.0, "seed": 0}, {"lambda": 0.0, "seed": 4}],
    "seeds": [{"seed": value} for value in (0, 1, 7)],
    "a seed twice": [{"seed": 1}, {"seed": 0, "lambda": 0.3}, {"seed": 1, "lambda": 0.7}],
    "learning rates": [{"learning_rate": value} for value in (1e-4, 1e-3, 3e-3)],
    "betas": [{"betas": (0.5, 0.999)}, {"betas": (0.9, 0.99)}],
    "weight decay": [
        {"weight_decay": 0.0},
        {"weight_decay": 0.1},
        {"weight_decay": 0.1, "lambda": 0.0},
    ],
    "one": [{}],
}


@each_way
@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
def test_each_setting_becomes_what_it_becomes_alone(
    data: TrainingData,
    settings: TrainingSettings,
    grid: list[dict[str, Any]],
    way: BatchedLearnerType,
) -> None:
    chosen = several(settings, *grid)
    together = finished(fit_batched(data, P, chosen, learner_type=way))
    for found, each in zip(together, chosen, strict=True):
        assert_same(found, fit(data, P, each), exactly=way is TurnsLearner)


@pytest.mark.parametrize(
    "shared",
    [
        {"method": "classifier"},
        {"squared": True},
        {"normalize_code": False},
        {"normalize_reconstruction": False, "decoder_output_relu": True},
        {"normalize_target": True},
        {"label_count_normalised": True},
        {"drop_last": False, "batch_size": 80},
        {"selection": "val_total"},
        {"selection": "last"},
        {"hidden": []},
        {"hidden": [24]},
    ],
    ids=str,
)
def test_stacked_with_every_toggle(
    data: TrainingData, settings: TrainingSettings, shared: dict[str, Any]
) -> None:
    """Two seeds, so that the batches have an axis for the settings too."""
    base = changed(settings, epochs=3, **shared)
    chosen = several(base, {"lambda": 0.2}, {"lambda": 0.8}, {"lambda": 0.5, "seed": 3})
    together = finished(fit_batched(data, P, chosen, learner_type=StackedLearner))
    for found, each in zip(together, chosen, strict=True):
        assert_same(found, fit(data, P, each), exactly=False)


@each_way
@pytest.mark.parametrize("method", ["sdml", "classifier"])
def test_a_simplex_and_several_labels(
    settings: TrainingSettings, method: str, way: BatchedLearnerType
) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (360, 4)).astype(np.uint8)
    features = (labels @ rng.standard_normal((4, 20)) + 3).astype(np.float32)
    data = TrainingData(
        features_ND=features[:300],
        labels=labels[:300],
        validation_features_ND=features[300:],
        validation_labels=labels[300:],
    )
    simplex = Subspace.simplex(["a", "b", "c", "d"], dimension=16, seed=0).projection_KC
    chosen = lambdas(changed(settings, method=method), 0.1, 0.6)
    together = finished(fit_batched(data, simplex, chosen, learner_type=way))
    for found, each in zip(together, chosen, strict=True):
        assert_same(found, fit(data, simplex, each), exactly=way is TurnsLearner)


def test_drcl_goes_by_turns(data: TrainingData, settings: TrainingSettings) -> None:
    drcl = TrainingSettings(
        method="drcl", epochs=2, batch_size=50, hidden=(24,), learning_rate=1e-3, threads=1
    )
    chosen = several(drcl, {"seed": 0}, {"seed": 1})
    together = finished(fit_batched(data, P, chosen))
    for found, each in zip(together, chosen, strict=True):
        assert_same(found, fit(data, P, each), exactly=True)


def test_which_way_is_taken(settings: TrainingSettings) -> None:
    cpu = find_device("cpu")
    large = changed(settings, hidden=[1024, 1024])
    drcl = TrainingSettings(method="drcl", hidden=(24,))
    assert ways(20, P, [settings], cpu) is StackedLearner
    assert ways(20, P, [large], cpu) is TurnsLearner
    assert ways(20, P, [drcl], cpu) is TurnsLearner


@each_way
def test_a_setting_that_diverges_does_not_touch_the_others(
    data: TrainingData, settings: TrainingSettings, way: BatchedLearnerType
) -> None:
    chosen = several(settings, {"seed": 0}, {"learning_rate": 1e30}, {"lambda": 0.2})
    seen: list[list[int]] = []
    first, second, third = fit_batched(
        data, P, chosen, learner_type=way, on_epoch=lambda records: seen.append(list(records))
    )
    assert isinstance(second, TrainingError)
    assert "learning rate 1e+30" in str(second)
    for found, each in ((first, chosen[0]), (third, chosen[2])):
        assert isinstance(found, FitResult)
        assert_same(found, fit(data, P, each), exactly=way is TurnsLearner)
    assert seen[-1] == [0, 2]
    assert len(seen) == settings.epochs


@each_way
def test_when_all_diverge_it_ends(
    data: TrainingData, settings: TrainingSettings, way: BatchedLearnerType
) -> None:
    seen: list[object] = []
    chosen = several(settings, {"learning_rate": 1e30}, {"learning_rate": 2e30})
    results = fit_batched(data, P, chosen, learner_type=way, on_epoch=seen.append)
    assert all(isinstance(result, TrainingError) for result in results)
    assert len(seen) < settings.epochs


def test_settings_that_cannot_be_trained_at_once(
    data: TrainingData, settings: TrainingSettings
) -> None:
    with pytest.raises(ExperimentError, match=r"may differ in lambda, seed.*not in batch_size \("):
        fit_batched(data, P, several(settings, {}, {"batch_size": 30}))


def test_what_the_labels_must_be_is_checked_for_every_lambda(
    data: TrainingData, settings: TrainingSettings, caplog: pytest.LogCaptureFixture
) -> None:
    without = dataclasses.replace(data, labels=np.full(300, -1, dtype=np.int32))
    with pytest.raises(DataError, match="unless λ = 1"):
        fit_batched(without, P, lambdas(settings, 1.0, 0.5))
    caplog.clear()
    (only,) = finished(fit_batched(without, P, lambdas(changed(settings, epochs=1), 1.0)))
    assert math.isfinite(only.history[0].train_loss)
    assert caplog.text.count("selection: last") == 1


def test_a_stop_before_the_first_batch(data: TrainingData, settings: TrainingSettings) -> None:
    with pytest.raises(Interrupted, match=r"2 settings at once .* in epoch 1 of 8, after 0"):
        fit_batched(data, P, lambdas(settings, 0.1, 0.2), stop=lambda: True)
