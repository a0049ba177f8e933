"""DRCL's two learners: against the formulas written out, batch by batch, and their switches."""

from __future__ import annotations

import dataclasses
import math
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch

from sdml.errors import Interrupted, UserError
from sdml.experiment import TrainingSettings
from sdml.objectives import drcl_loss, generalised_cross_entropy
from sdml.subspace import Subspace
from sdml.training import FitResult, fit
from sdml.training.batched import fit_batched
from sdml.training.consistency import ConsistencyLearner
from sdml.training.data import Samples
from sdml.training.encoder_file import encoder_from_bytes, encoder_to_bytes
from sdml.training.history import history_to_json
from sdml.training.prior import PRIOR, PriorLearner
from tests.training.slot import MemorySlot
from tests.training.trainee import SUBSPACE, modality

CPU = torch.device("cpu")
P = SUBSPACE.projection_KC
WIDTH = 20


def settings(**changes: Any) -> TrainingSettings:
    own = {name: changes.pop(name) for name in list(changes) if name in OWN}
    base: dict[str, Any] = {
        "method": "drcl",
        "hidden": (32,),
        "batch_size": 50,
        "epochs": 4,
        "learning_rate": 1e-3,
        "threads": 1,
        "checkpoint_seconds": 0,
        "drcl": own,
    }
    return TrainingSettings.model_validate(base | changes)


OWN = {"gamma", "alpha", "beta", "eta", "q_step", "reference_bugs", "normalize_mixed"}


def batch(labelled_only: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    data = modality(features=WIDTH, seed=0)
    if labelled_only:
        rows = data.labels >= 0
        data = dataclasses.replace(
            data, features_ND=data.features_ND[rows], labels=data.labels[rows]
        )
    samples = Samples(data.features_ND, data.labels, classes=4, device=CPU, name="training")
    return next(samples.blocks())


def test_the_defaults_are_the_released_settings() -> None:
    made = TrainingSettings(method="drcl")
    assert (made.hidden, made.batch_size, made.betas, made.lambda_) == (
        (4096, 4096), 1024, (0.5, 0.999), 0,
    )  # fmt: skip
    assert made.drcl is not None
    assert (made.drcl.alpha, made.drcl.beta, made.drcl.eta, made.drcl.gamma) == (0.1, 0.1, 1, 0.9)
    assert made.drcl.prior_learning_rate == 5e-4
    assert not made.drcl.reference_bugs
    assert "drcl" not in TrainingSettings().model_dump()
    assert TrainingSettings.model_validate(made.model_dump(by_alias=True)) == made


@pytest.mark.parametrize(
    "wrong", [{"lambda": 0.5}, {"normalize_code": False}, {"squared": True}, {"drcl": None}]
)
def test_what_the_method_has_no_choice_of(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="leave"):
        TrainingSettings.model_validate({"method": "drcl", **wrong})
    with pytest.raises(ValueError, match="drcl"):
        TrainingSettings.model_validate({"drcl": {}})


def test_the_last_layer_is_plain() -> None:
    encoder = ConsistencyLearner(WIDTH, P, settings(hidden=(400,)), CPU).encoder
    assert encoder.output.bias is None
    largest = float(encoder.output.weight.detach().abs().max())
    assert 0.95 / math.sqrt(WIDTH) < largest <= 1 / math.sqrt(WIDTH)
    state = ConsistencyLearner(WIDTH, P, settings(), CPU).encoder_state()
    data = encoder_to_bytes(state, modality="m", subspace="s", settings=settings())
    codes = encoder_from_bytes(data, "f").embed(np.ones((3, WIDTH), dtype=np.float32))
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("epoch", [1, 30, 150])
def test_a_step_restated(epoch: int) -> None:
    features, targets = batch(labelled_only=True)
    learner = ConsistencyLearner(WIDTH, 3 * P, settings(), CPU)
    learner.epoch, learner.batch = epoch, 2
    codes = learner.encoder(features).detach()
    order = torch.from_numpy(np.random.default_rng((0, epoch, 2)).permutation(len(codes)))
    q = min(1, 0.01 * epoch)
    expected = drcl_loss(
        0.9 * codes + 0.1 * codes[order],
        0.9 * targets + 0.1 * targets[order],
        torch.from_numpy(3 * P),
        torch.from_numpy(P.T / 3),  # the pseudo-inverse of orthonormal columns times three
        q=q,
        alpha=0.1,
        beta=0.1,
        eta=1,
    )
    made = learner.step(features, targets).tolist()
    np.testing.assert_allclose(
        made,
        [float(expected.total), float(expected.total - expected.label), float(expected.label)],
        rtol=1e-4,
    )


def test_the_targets_of_a_simplex_are_its_columns() -> None:
    simplex_KC = Subspace.simplex(SUBSPACE.classes, dimension=16, seed=0).projection_KC
    learner = ConsistencyLearner(WIDTH, simplex_KC, settings(alpha=0, eta=0, beta=1, gamma=1), CPU)
    features, targets = batch(labelled_only=True)
    codes = learner.encoder(features).detach()
    expected = (codes - 0.75 * targets @ torch.from_numpy(simplex_KC.T.copy())).square().mean()
    assert learner.step(features, targets)[0] == pytest.approx(float(expected), rel=1e-4)


def test_unlabelled_samples_are_left_out() -> None:
    made = []
    for labelled_only in (False, True):
        learner = ConsistencyLearner(WIDTH, P, settings(), CPU)
        learner.step(*batch(labelled_only))
        made.append(learner.encoder_state())
    for name, array in made[0].items():
        np.testing.assert_array_equal(array, made[1][name])
    features, targets = batch()
    for kind in (ConsistencyLearner, PriorLearner):
        losses = kind(WIDTH, P, settings(), CPU).step(features, torch.zeros_like(targets))
        assert losses.tolist() == [0, 0, 0]


def test_validation_has_no_mixture_and_one_q() -> None:
    data = [batch(labelled_only=True)]
    for bugs, equal in ((False, True), (True, False)):
        learner = ConsistencyLearner(WIDTH, P, settings(reference_bugs=bugs), CPU)
        first = learner.measure(data).tolist()
        learner.epoch = 50
        assert (learner.measure(data).tolist() == first) == equal
        learner.epoch = 1
        q = 0.01 if bugs else 1
        codes = learner.encoder(data[0][0]).detach()
        label = generalised_cross_entropy(codes @ torch.from_numpy(P.copy()), data[0][1], q)
        assert first[2] == pytest.approx(float(label), rel=1e-5)


def test_a_prior_step_restated() -> None:
    features, targets = batch(labelled_only=True)
    learner = PriorLearner(WIDTH, P, settings(), CPU)
    learner.epoch = 31
    logits = (learner.encoder(features) @ torch.from_numpy(P.copy())).detach()
    probability = (logits.softmax(1) * targets).sum(1)
    loss, nothing, error = learner.step(features, targets).tolist()
    assert loss == pytest.approx(float(((1 - probability**0.3) / 0.3).mean()), rel=1e-4)
    assert error == pytest.approx(float(1 - probability.mean()), rel=1e-4)
    assert nothing == 0
    assert not np.array_equal(learner.encoder_state()[PRIOR], P)


@pytest.mark.parametrize("bugs", [False, True])
def test_the_first_epoch_of_a_prior(bugs: bool) -> None:
    learner = PriorLearner(WIDTH, P, settings(reference_bugs=bugs), CPU)
    learner.step(*batch())
    assert np.array_equal(learner.encoder_state()[PRIOR], P) == bugs
    assert learner.state()  # Adam has counted a step in any case


def fitted(**given: Any) -> FitResult:
    return fit(modality(features=WIDTH, seed=0), P, **given)


@pytest.mark.parametrize("kind", [None, PriorLearner])
@pytest.mark.parametrize("asked", range(2, 16))  # between batches, before a validation, within it
def test_a_stopped_training_ends_as_an_uninterrupted_one(kind: Any, asked: int) -> None:
    chosen = settings(epochs=3, q_step=0.3, reference_bugs=True)  # q counts in the validation too
    whole = fitted(settings=chosen, learner_type=kind)
    slot, answers = MemorySlot(), iter([False] * asked + [True])
    with pytest.raises(Interrupted):
        fitted(settings=chosen, learner_type=kind, checkpoint=slot, stop=lambda: next(answers))
    again = fitted(settings=chosen, learner_type=kind, checkpoint=slot)
    assert again.resumed_from is not None
    assert history_to_json(again.history) == history_to_json(whole.history)
    for name, array in whole.encoder_state.items():
        np.testing.assert_array_equal(array, again.encoder_state[name])


def test_by_turns_a_stopped_validation_has_its_epochs_exponent() -> None:
    data, chosen = modality(features=WIDTH, seed=0), settings(epochs=2, reference_bugs=True)
    (whole,) = fit_batched(data, P, [chosen])
    assert isinstance(whole, FitResult)
    for asked in range(2, 12):
        slot, answers = MemorySlot(), iter([False] * asked + [True] * 99)
        with suppress(Interrupted):
            fit_batched(data, P, [chosen], checkpoint=slot, stop=lambda a=answers: next(a))  # type: ignore[misc]
        (again,) = fit_batched(data, P, [chosen], checkpoint=slot)
        assert isinstance(again, FitResult)
        assert history_to_json(again.history) == history_to_json(whole.history)


def test_the_best_epoch_is_that_of_the_lowest_whole_loss() -> None:
    result = fitted(settings=settings(epochs=8, learning_rate=0.01))
    losses = [record.validation_loss for record in result.history]
    assert result.best_epoch == 1 + int(np.argmin(losses))


def test_a_small_split_is_one_batch_unless_the_bug_is_wanted() -> None:
    assert len(fitted(settings=settings(batch_size=1024)).history) == 4
    with pytest.raises(UserError, match="at least one batch"):
        fitted(settings=settings(batch_size=1024, reference_bugs=True))
