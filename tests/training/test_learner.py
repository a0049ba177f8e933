"""The fast step against the plain restatement of the released code; state there and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from benchmarks.speed.reference_step import Reference
from sdml.experiment import TrainingSettings
from sdml.objectives import sdml_loss
from sdml.training import TrainingData
from sdml.training.data import Samples
from sdml.training.learner import Learner
from tests.training.trainee import SUBSPACE, modality

CPU = torch.device("cpu")
P = SUBSPACE.projection_KC


def samples_of(data: TrainingData) -> Samples:
    return Samples(data.features_ND, data.labels, classes=4, device=CPU, name="training")


def one_hot(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    return np.vstack([np.eye(4), np.zeros(4)])[labels].astype(np.float32)


@pytest.mark.parametrize("lambda_", [0.3, 0.5])
def test_a_hundred_losses_are_those_of_the_reference(lambda_: float) -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, 2000).astype(np.int32)
    centres = rng.standard_normal((4, 40))
    features = np.maximum(centres[labels] + rng.standard_normal((2000, 40)), 0).astype(np.float32)
    labels[::10] = -1  # unlabelled
    settings = TrainingSettings(
        preset="sdml-reference", lambda_=lambda_, hidden=(64, 48), learning_rate=2e-4
    )
    learner = Learner(40, P, settings, CPU)
    reference = Reference(
        40,
        P,
        hidden=(64, 48),
        alpha=lambda_,
        learning_rate=2e-4,
        betas=(0.5, 0.999),
        encoder={name: p.detach().numpy() for name, p in learner.encoder.named_parameters()},
        decoder={name: p.detach().numpy() for name, p in learner.decoder.named_parameters()},
    )
    split = Samples(features, labels, classes=4, device=CPU, name="training")
    targets = one_hot(labels)
    ours, theirs = [], []
    for epoch in range(1, 6):
        for batch in split.batches(100, seed=0, epoch=epoch, drop_last=True):
            ours.append(float(learner.step(*batch)[0]))
        for chosen in np.random.default_rng((0, epoch)).permutation(2000).reshape(-1, 100):
            theirs.append(reference.step(features[chosen], targets[chosen]))
    assert len(ours) == 100
    assert theirs[-1] < 0.95 * theirs[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_a_measure_in_blocks_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    data = modality(features=20, seed=0)
    settings = TrainingSettings(preset="sdml-reference", lambda_=0.3, hidden=(32,))
    learner = Learner(20, P, settings, CPU)
    whole = torch.from_numpy(data.features_ND)
    with torch.no_grad():
        codes = learner.encoder(whole)
        expected = sdml_loss(
            codes,
            learner.decoder(codes),
            whole,
            torch.from_numpy(one_hot(data.labels)),
            torch.from_numpy(P.copy()),
            lambda_=0.3,
        )
    monkeypatch.setattr("sdml.training.data._BLOCK", 70)  # the last block has 20 rows
    measured = learner.measure(samples_of(data).blocks())
    np.testing.assert_allclose(measured.tolist(), [float(e) for e in expected], rtol=1e-5)


@pytest.mark.parametrize("lambda_", [0.0, 0.5, 1.0])
def test_state_there_and_back(lambda_: float) -> None:
    settings = TrainingSettings(preset="sdml-reference", lambda_=lambda_, hidden=(32,))
    split = samples_of(modality(features=20, seed=0))

    def train(learner: Learner, epoch: int) -> list[list[float]]:
        batches = split.batches(50, seed=0, epoch=epoch, drop_last=True)
        return [learner.step(*batch).tolist() for batch in batches]

    first = Learner(20, P, settings, CPU)
    train(first, 1)
    state = {name: array.copy() for name, array in first.state().items()}
    expected = train(first, 2)
    second = Learner(20, P, settings.model_copy(update={"seed": settings.seed}), CPU)
    second.load(state)
    assert train(second, 2) == expected


def test_a_bad_state_changes_nothing() -> None:
    settings = TrainingSettings(preset="sdml-reference", hidden=(32,))
    split = samples_of(modality(features=20, seed=0))
    learner = Learner(20, P, settings, CPU)
    learner.step(*next(split.blocks()))
    good = {name: array.copy() for name, array in learner.state().items()}
    bad = dict(good)
    bad["exp_avg.decoder.output.bias"] = np.zeros(3, dtype=np.float32)
    with pytest.raises(ValueError, match="shape"):
        learner.load(bad)
    del bad["exp_avg.decoder.output.bias"]
    with pytest.raises(KeyError):
        learner.load(bad)
    for name, array in learner.state().items():
        np.testing.assert_array_equal(array, good[name])


@pytest.mark.parametrize(("lambda_", "moves"), [(0.0, False), (0.5, True)])
def test_the_decoder_is_trained_only_when_it_counts(lambda_: float, moves: bool) -> None:
    learner = Learner(
        20, P, TrainingSettings(preset="sdml-reference", lambda_=lambda_, hidden=(32,)), CPU
    )
    before = [p.detach().clone() for p in learner.decoder.parameters()]
    losses = learner.step(*next(samples_of(modality(features=20, seed=0)).blocks()))
    after = list(learner.decoder.parameters())
    assert torch.isfinite(losses).all()
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True)) == moves


def test_toggles_reach_the_networks_and_the_loss() -> None:
    batch = next(samples_of(modality(features=20, seed=0)).blocks())
    plain = (
        Learner(20, P, TrainingSettings(preset="sdml-reference", hidden=(32,)), CPU)
        .step(*batch)
        .tolist()
    )
    for toggle, value in {
        "squared": True,
        "normalize_code": False,
        "normalize_reconstruction": False,
        "normalize_target": True,
        "decoder_output_relu": True,
    }.items():
        settings = TrainingSettings(preset="sdml-reference", hidden=(32,)).model_copy(
            update={toggle: value}
        )
        other = Learner(20, P, settings, CPU).step(*batch).tolist()
        assert other != plain, toggle
        assert np.isfinite(other).all()
