"""An encoder of two parts: that its code is their sum, and where there is one part only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from sdml.errors import TrainingError
from sdml.experiment import TrainingSettings
from sdml.networks import Encoder
from sdml.retrieval.similarity import projection_temperature
from sdml.training import FitResult, TrainingData, fit
from sdml.training import parts as module
from sdml.training.batched import fit_batched
from sdml.training.data import Samples
from sdml.training.optimised import Arrays
from sdml.training.parts import MOST_SAMPLES, Parts, Regressions
from sdml.training.ridge import regressed
from sdml.training.threads import thread_count
from tests.training.trainee import SUBSPACE, modality

P = SUBSPACE.projection_KC
DATA = modality(features=20, seed=0)
CPU = torch.device("cpu")


def samples(labels: np.ndarray = DATA.labels) -> Samples:
    return Samples(DATA.features_ND, labels, classes=4, device=CPU, name="training")


def settings(**said: object) -> TrainingSettings:
    small = {"epochs": 3, "batch_size": 50, "hidden": [32, 25], "threads": 1}
    return TrainingSettings.model_validate(small | said)


def outputs(state: Arrays, hidden: tuple[int, ...]) -> np.ndarray:
    network = Encoder(20, hidden, 16, normalize=False, generator=torch.Generator())
    network.load_state_dict({name: torch.from_numpy(a) for name, a in state.items()})
    with torch.no_grad():
        return np.asarray(network(torch.from_numpy(DATA.validation_features_ND)))


@pytest.mark.parametrize("hidden", [(), (32,), (32, 25), (32, 24, 17)])
def test_the_code_is_the_sum_of_both(hidden: tuple[int, ...]) -> None:
    whole = settings(hidden=hidden, ridge_share=0.3, seed=5)
    trained = fit(
        DATA,
        P,
        whole.model_copy(update={"hidden": tuple(-(-w // 2) for w in hidden), "ridge_share": 0}),
    ).encoder_state
    labelled = DATA.labels >= 0
    regression, _ = regressed(
        DATA.features_ND[labelled],
        np.eye(4, dtype=np.float32)[DATA.labels[labelled]],
        P,
        [w // 2 for w in hidden],
        temperature=projection_temperature(P),
        seed=5,
    )
    made = fit(DATA, P, whole).encoder_state
    codes = outputs(made, hidden)
    rows = torch.from_numpy(DATA.validation_features_ND)
    with torch.no_grad():
        one = regression(rows).numpy()
        lengths = regression(torch.from_numpy(DATA.features_ND[labelled])).numpy()
    other = outputs(trained, tuple(-(-w // 2) for w in hidden))
    by = 0.3 / np.sqrt(np.square(lengths).sum(1).mean())
    rest = codes - by * one
    scale = (rest * other).sum() / np.square(other).sum()
    np.testing.assert_allclose(rest, scale * other, atol=1e-4)
    assert scale > 0


@pytest.mark.parametrize(
    ("said", "labels"),
    [
        ({"ridge_share": 0}, DATA.labels),
        ({"lambda": 1.0}, DATA.labels),
        ({"hidden": [32, 15]}, DATA.labels),
        ({}, np.where(DATA.labels == 1, 1, -1).astype(np.int32)),
    ],
    ids=["no share", "no labels count", "too narrow", "one class"],
)
def test_all_of_it_is_trained(said: dict[str, object], labels: np.ndarray) -> None:
    whole = settings(**said)
    parts = Parts.of(whole, samples(labels), 4)
    assert parts.trained is whole
    state = {"output.weight": np.zeros((16, 1), dtype=np.float32)}
    assert parts.joined(state, Regressions(samples(labels), P)) is state


def test_the_widths_are_shared() -> None:
    assert Parts.of(settings(), samples(), 4).trained.hidden == (16, 13)
    shapes = {name: array.shape for name, array in fit(DATA, P, settings()).encoder_state.items()}
    assert shapes["hidden.0.weight"] == (32, 20)
    assert shapes["hidden.1.weight"] == (25, 32)
    assert shapes["output.weight"] == (16, 25)


def test_some_samples_are_enough() -> None:
    assert len(samples().some(MOST_SAMPLES, seed=0)[0]) == (DATA.labels >= 0).sum()
    features, targets = samples().some(7, seed=0)
    assert features.shape == (7, 20)
    assert (targets.sum(1) == 1).all()


def test_the_regression_of_a_seed_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []

    def counted(*args: Any, seed: int, **said: Any) -> Any:
        seeds.append(seed)
        return regressed(*args, seed=seed, **said)

    monkeypatch.setattr(module, "regressed", counted)
    several = [settings(seed=seed, **{"lambda": at}) for seed in (1, 2) for at in (0.2, 0.5)]
    found = fit_batched(DATA, P, several)
    assert sorted(seeds) == [1, 2]
    for own, each in zip(several, found, strict=True):
        assert isinstance(each, FitResult)
        alone = fit(DATA, P, own).encoder_state
        for name, array in alone.items():
            np.testing.assert_allclose(each.encoder_state[name], array, atol=1e-5)


@pytest.mark.parametrize("threads", [2, 3])
def test_the_regression_has_the_bits_of_any_number_of_threads(threads: int) -> None:
    rng = np.random.default_rng(0)
    wide = TrainingData(
        features_ND=rng.normal(size=(150, 300)).astype(np.float32),
        labels=rng.integers(0, 4, 150).astype(np.int32),
        validation_features_ND=rng.normal(size=(20, 300)).astype(np.float32),
        validation_labels=rng.integers(0, 4, 20).astype(np.int32),
    )
    made = []
    for number in (1, threads):
        given = Samples(wide.features_ND, wide.labels, classes=4, device=CPU, name="training")
        parts = Parts.of(settings(hidden=[64, 64]), given, 4)
        trained = fit(wide, P, parts.trained, threads=1).encoder_state
        with thread_count(number):
            made.append(parts.joined(trained, Regressions(given, P)))
    for name, values in made[0].items():
        assert (values == made[1][name]).all(), name


def test_features_that_float32_weights_cannot_meet() -> None:
    tiny = replace(DATA, features_ND=DATA.features_ND * np.float32(1e-40))
    with pytest.raises(TrainingError, match=r"finite weights.*standardize"):
        fit(tiny, P, settings())
