"""Pseudo-labels: which they are, what they do to a training, and that off means as before."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax

from sdml.errors import ExperimentError, Interrupted
from sdml.experiment import TrainingSettings
from sdml.retrieval.similarity import projection_temperature
from sdml.training import FitResult, Ranks, TrainingData, fit
from sdml.training.batched import fit_batched
from sdml.training.data import Samples
from sdml.training.learner import Learner
from sdml.training.pseudo_labels import guessed
from sdml.training.state import TrainingState
from tests.training.slot import MemorySlot
from tests.training.trainee import SUBSPACE

CPU = torch.device("cpu")
P = SUBSPACE.projection_KC
WIDTH = 20


def settings(**changes: Any) -> TrainingSettings:
    base = {
        "hidden": [32],
        "batch_size": 50,
        "epochs": 6,
        "learning_rate": 1e-3,
        "threads": 1,
        "checkpoint_seconds": 0,
        "pseudo_labels": {"threshold": 0.7, "start_epoch": 2},
    }
    return TrainingSettings.model_validate(base | changes)


def true_classes() -> Any:
    return np.random.default_rng(0).integers(0, 4, 360).astype(np.int32)


def few_labels() -> TrainingData:
    """Four classes; five training samples of each are labelled, 280 of 300 are not."""
    truth = true_classes()
    draw = np.random.default_rng(1)
    rows = draw.standard_normal((4, WIDTH))[truth] + draw.standard_normal((360, WIDTH))
    labels = np.full(300, -1, np.int32)
    for c in range(4):
        chosen = np.flatnonzero(truth[:300] == c)[:5]
        labels[chosen] = c
    features = rows.astype(np.float32)
    return TrainingData(
        features_ND=features[:300],
        labels=labels,
        validation_features_ND=features[300:],
        validation_labels=truth[300:],
    )


def samples(labels: Any = None) -> Samples:
    data = few_labels()
    return Samples(
        data.features_ND,
        data.labels if labels is None else labels,
        classes=4,
        device=CPU,
        name="training",
    )


def same(one: FitResult, two: FitResult) -> bool:
    return all(
        np.array_equal(array, two.encoder_state[name]) for name, array in one.encoder_state.items()
    )


def without_speed(result: FitResult) -> list[Any]:
    return [dataclasses.replace(record, samples_per_second=0) for record in result.history]


def test_the_section() -> None:
    for written in (0.8, {"threshold": 0.8}):
        made = settings(epochs=20, pseudo_labels=written).pseudo_labels
        assert made is not None
        assert made.model_dump() == {"threshold": 0.8, "start_epoch": 20}
    assert settings(epochs=20, pseudo_labels=1).pseudo_labels is not None
    with pytest.raises(ValueError, match="start_epoch is 20, but there are 19 epochs"):
        settings(epochs=19, pseudo_labels=0.8)
    off = settings(pseudo_labels=None)
    assert off.pseudo_labels is None
    assert "pseudo_labels" not in off.model_dump()
    whole = settings()
    assert TrainingSettings.model_validate(whole.model_dump(by_alias=True)) == whole


@pytest.mark.parametrize("wrong", [0, -0.1, 1.1, True, "often", {"start_epoch": 0}, {"share": 1}])
def test_impossible_values(wrong: object) -> None:
    with pytest.raises(ValueError, match="pseudo_labels"):
        settings(pseudo_labels=wrong)


def test_methods_without_it() -> None:
    for other in ({"method": "drcl"}, {"method": "mtls", "mtls": {"partner": "image"}}):
        with pytest.raises(ValueError, match="pseudo_labels: nothing that method"):
            TrainingSettings.model_validate({"pseudo_labels": 0.9, **other})
    assert TrainingSettings.model_validate({"method": "classifier", "pseudo_labels": 0.9})


@pytest.mark.parametrize("threshold", [0.26, 0.3, 1.0])
def test_guesses_restated(threshold: float) -> None:
    learner, training = Learner(WIDTH, P, settings(), CPU), samples()
    codes = learner.encoder(torch.from_numpy(few_labels().features_ND)).detach().numpy()
    posterior = softmax(projection_temperature(P) * (codes @ P), axis=1)
    sure = (posterior.max(1) >= threshold) & (few_labels().labels < 0)
    expected = np.where(sure, posterior.argmax(1), -1)
    found = guessed(learner, training, threshold)
    np.testing.assert_array_equal(found, expected)
    training.guess(np.where(few_labels().labels < 0, 3, -1).astype(np.int32))
    np.testing.assert_array_equal(guessed(learner, training, threshold), expected)


@pytest.mark.parametrize("columns", [False, True])
def test_guesses_stand_in_the_batches_until_the_next(columns: bool) -> None:
    labels = few_labels().labels
    hot = (labels[:, None] == np.arange(4)).astype(np.uint8)
    training = samples(hot if columns else None)
    first, second = (np.full(300, -1, np.int32) for _ in range(2))
    unlabelled = np.flatnonzero(labels < 0)
    first[unlabelled[:7]] = 2
    second[unlabelled[7:9]] = 1
    for guesses in (first, second):
        training.guess(guesses)
        expected = np.where(guesses >= 0, guesses, labels)[:, None] == np.arange(4)
        order = np.random.default_rng((0, 3)).permutation(300)
        batches = training.batches(64, seed=0, epoch=3, drop_last=False)
        found = torch.cat([targets for _, targets in batches])
        np.testing.assert_array_equal(found, expected[order])
        given = torch.cat([targets for _, targets in training.blocks(guesses=False)])
        np.testing.assert_array_equal(given, hot)
    np.testing.assert_array_equal(training.some(300, seed=0)[1], hot[labels >= 0])


@pytest.mark.parametrize("preset", ["sdml", "sdml-reference"])
def test_they_are_right_far_above_chance_and_counted(preset: str) -> None:
    made = settings(preset=preset, epochs=30, pseudo_labels={"threshold": 0.8, "start_epoch": 10})
    state = trained(made)
    guesses = state.guesses_N
    sure = guesses >= 0
    assert sure.sum() > 100
    assert (guesses[sure] == true_classes()[:300][sure]).mean() > 0.8  # by chance 0.25
    assert not (sure & (few_labels().labels >= 0)).any()
    counts = [record.pseudo_labelled for record in state.history]
    assert counts[:9] == [0] * 9
    assert counts[9]
    assert counts[-1] == sure.sum()


def trained(made: TrainingSettings) -> TrainingState:
    data, training = few_labels(), samples()
    validation = Samples(
        data.validation_features_ND, data.validation_labels, classes=4, device=CPU, name="v"
    )
    learner = Learner(WIDTH, P, made, CPU)
    state = TrainingState(learner, training, validation, made)
    for _ in range(made.epochs):
        state.epoch(lambda: None)
    return state


def test_off_and_without_unlabelled_samples_nothing_changes() -> None:
    plain = fit(few_labels(), P, settings(pseudo_labels=None))
    unsure = fit(few_labels(), P, settings(pseudo_labels={"threshold": 1.0, "start_epoch": 2}))
    assert same(plain, unsure)
    assert {record.pseudo_labelled for record in plain.history} == {None}
    assert not same(plain, fit(few_labels(), P, settings(selection="last")))
    labelled = dataclasses.replace(few_labels(), labels=true_classes()[:300])
    assert same(fit(labelled, P, settings(pseudo_labels=None)), fit(labelled, P, settings()))


@pytest.mark.parametrize("asks", [7, 13, 15, 16, 17, 24])
def test_a_stopped_training_ends_as_an_uninterrupted_one(asks: int) -> None:
    made = settings(selection="last")
    whole = fit(few_labels(), P, made)
    slot, asked = MemorySlot(), iter([False] * asks + [True])
    with pytest.raises(Interrupted):
        fit(few_labels(), P, made, checkpoint=slot, stop=lambda: next(asked))
    again = fit(few_labels(), P, made, checkpoint=slot)
    assert again.resumed_from is not None
    assert same(whole, again)
    assert without_speed(whole) == without_speed(again)


def test_every_rank_takes_those_of_the_first() -> None:
    class Second(Ranks):
        """Alone, but it hears of guesses as another rank would."""

        def first(self, make: Any) -> bytes | None:
            made: bytes = make()
            return np.full(300, -1, "<i4").tobytes() if len(made) == 1200 else made

    made = settings(selection="last")
    assert same(
        fit(few_labels(), P, made, ranks=Second()),
        fit(few_labels(), P, settings(pseudo_labels=None, selection="last")),
    )


def test_settings_at_once_are_refused() -> None:
    with pytest.raises(ExperimentError, match="train them one by one"):
        fit_batched(few_labels(), P, [settings(), settings(seed=1)])
