"""A regression as an encoder: its leave-one-out formula, and that the encoder is what it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import log_loss

from sdml.networks import Encoder, unit_rows
from sdml.retrieval import posterior_representation
from sdml.retrieval.similarity import projection_temperature
from sdml.subspace import Subspace
from sdml.training.ridge import Ridge, regressed
from sdml.training.scaling import Scaling

NAMES = tuple("abcde")
RANDOM = Subspace.random(NAMES, dimension=24, seed=0).projection_KC
rng = np.random.default_rng(0)
CENTRES = rng.standard_normal((5, 30))
LABELS = rng.integers(0, 5, 80)
FEATURES = (CENTRES[LABELS] + rng.standard_normal((80, 30))).astype(np.float32)
TARGETS = np.eye(5, dtype=np.float32)[LABELS]


def encoder_of(hidden: tuple[int, ...], code: int = 24) -> Encoder:
    generator = torch.Generator().manual_seed(0)
    return Encoder(30, hidden, code, normalize=True, generator=generator)


def fitted(
    hidden: tuple[int, ...],
    projection: np.ndarray = RANDOM,
    targets: np.ndarray = TARGETS,
    features: np.ndarray = FEATURES,
) -> tuple[Encoder, Ridge]:
    temperature = projection_temperature(projection)
    return regressed(features, targets, projection, hidden, temperature=temperature, seed=0)


def codes_of(encoder: Encoder, features: np.ndarray = FEATURES) -> np.ndarray:
    with torch.no_grad():
        codes = encoder(torch.from_numpy(features))
    return np.asarray(unit_rows(codes))


@pytest.mark.parametrize("hidden", [(), (40,), (90,), (40, 32), (90, 32), (40, 32, 16)])
def test_the_encoder_is_the_regression(hidden: tuple[int, ...]) -> None:
    drawn = encoder_of(hidden)
    encoder, made = fitted(hidden)
    scaled = Scaling.of(FEATURES)(FEATURES)
    scores = scaled @ made.linear_DC + made.constant_C
    if hidden:
        first = drawn.linears()[0]
        units = scaled @ first.weight[10:].detach().double().numpy().T
        units += first.bias[10:].detach().double().numpy()
        scores += np.maximum(units, 0) @ made.random_HC
    if len(hidden) > 1:
        scores = np.maximum(scores, 0) + np.maximum(scores - 0.3, 0)
    inside = made.scale * scores @ RANDOM.T.astype(float)
    codes = codes_of(encoder)
    ratio = np.sqrt(1 + np.square(inside).sum(1, keepdims=True))
    np.testing.assert_allclose(codes @ RANDOM, (inside / ratio) @ RANDOM, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-5)


def test_its_loss_is_that_of_posteriors_of_new_samples() -> None:
    """Leave-one-out says before what new samples show after."""
    encoder, made = fitted((40, 32))
    fresh = np.random.default_rng(9)
    labels = fresh.integers(0, 5, 2000)
    features = (CENTRES[labels] + fresh.standard_normal((2000, 30))).astype(np.float32)
    posterior = posterior_representation(codes_of(encoder, features), RANDOM)
    loss = -np.log(posterior[np.arange(2000), labels]).mean()
    assert loss == pytest.approx(made.loss, abs=0.12)
    assert loss < 0.5 < np.log(5)


@pytest.mark.parametrize(
    "subspace",
    [
        Subspace.unit(NAMES),
        Subspace.simplex(NAMES, dimension=24, seed=0),
        Subspace.simplex(NAMES, dimension=4, seed=0),
        Subspace.random(NAMES, dimension=24, seed=0),
    ],
    ids=["identity", "simplex", "tight simplex", "random"],
)
def test_every_kind_of_subspace(subspace: Subspace) -> None:
    projection = subspace.projection_KC
    codes = codes_of(fitted((40, 32), projection)[0])
    assert np.isfinite(codes).all()
    assert (np.argmax(codes @ projection, axis=1) == LABELS).mean() > 0.9


def test_of_several_labels_its_loss_is_that_of_probabilities_of_new_samples() -> None:
    drawn = np.random.default_rng(9)
    targets = (drawn.random((400, 5)) < 0.4).astype(np.float32)
    features = targets @ CENTRES + drawn.standard_normal((400, 30))
    known, fresh = slice(0, 200), slice(200, 400)
    encoder, made = regressed(
        features[known].astype(np.float32),
        targets[known],
        RANDOM,
        (40, 32),
        temperature=4.0,
        multi_label=True,
        seed=0,
    )
    chance = expit(4 * (codes_of(encoder, features[fresh].astype(np.float32)) @ RANDOM - 0.5))
    losses = [5 * log_loss(*row, labels=[0, 1]) for row in zip(targets[fresh], chance, strict=True)]
    assert np.mean(losses) == pytest.approx(made.loss, abs=0.12)
    assert made.loss < 0.8 * 5 * np.log(2)


def test_unsure_codes_of_two_modalities_are_not_alike() -> None:
    projection = Subspace.random(NAMES, dimension=512, seed=0).projection_KC
    noise = np.random.default_rng(1).standard_normal((2, 80, 30)).astype(np.float32)
    one, other = (
        codes_of(fitted((40, 32), projection, features=features)[0], features)
        for features in noise  # which says nothing of the classes
    )
    beside = np.eye(512) - projection @ projection.T
    assert np.abs((one @ beside) @ (other @ beside).T).max() < 0.2
    assert np.linalg.norm(one @ beside, axis=1).min() > 0.5


def test_constant_features_do_not_matter() -> None:
    features = FEATURES.copy()
    features[:, 3:] = 1
    assert np.isfinite(codes_of(fitted((40, 32), features=features)[0], features)).all()
    features[:] = 0
    assert np.isfinite(codes_of(fitted((40, 32), features=features)[0], features)).all()


def test_mean_and_size_of_features_do_not_matter() -> None:
    shifted = (3 * FEATURES + 50).astype(np.float32)
    codes = [codes_of(fitted((40, 32), features=f)[0], f) for f in (FEATURES, shifted)]
    np.testing.assert_allclose(codes[0] @ RANDOM, codes[1] @ RANDOM, atol=2e-3)
