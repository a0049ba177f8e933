"""MTLS's learner: against the objective, batch by batch; its validation, resumption and bits."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from sdml.errors import DataError, Interrupted, UserError
from sdml.experiment import TrainingSettings
from sdml.objectives import mtls_loss
from sdml.training import FitResult, Place, TrainingData, fit, parallel
from sdml.training.batched import fit_batched
from sdml.training.data import Samples
from sdml.training.encoder_file import encoder_from_bytes, encoder_to_bytes
from sdml.training.transfer import TransferLearner
from tests.training.slot import MemorySlot
from tests.training.trainee import SUBSPACE, modality

CPU = torch.device("cpu")
P = SUBSPACE.projection_KC
WIDTH = 20


def settings(**changes: Any) -> TrainingSettings:
    own = {"partner": "image", **changes.pop("mtls", {})}
    base: dict[str, Any] = {
        "method": "mtls",
        "hidden": (32,),
        "batch_size": 50,
        "epochs": 4,
        "learning_rate": 1e-3,
        "threads": 1,
        "checkpoint_seconds": 0,
        "mtls": own,
    }
    return TrainingSettings.model_validate(base | changes)


def pairs(*, labelled: bool = True) -> TrainingData:
    """Samples whose pairs' codes say what a random linear map of the features says."""
    data = modality(features=WIDTH, seed=0)
    turn = np.random.default_rng(5).standard_normal((WIDTH, len(P)))

    def codes(features_ND: Any) -> Any:
        rows = features_ND @ turn
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    nothing = {
        "labels": np.full_like(data.labels, -1),
        "validation_labels": np.full_like(data.validation_labels, -1),
    }
    return dataclasses.replace(
        data,
        partner_NK=codes(data.features_ND),
        validation_partner_NK=codes(data.validation_features_ND),
        **({} if labelled else nothing),
    )


def samples(data: TrainingData) -> Samples:
    return Samples(
        data.features_ND,
        data.labels,
        classes=4,
        device=CPU,
        name="training",
        partner_NK=data.partner_NK,
    )


def test_the_pairs_stand_behind_the_classes() -> None:
    data = pairs()
    assert data.partner_NK is not None
    order = np.random.default_rng((3, 2)).permutation(300)
    for number, (features, targets) in enumerate(
        samples(data).batches(64, seed=3, epoch=2, drop_last=False)
    ):
        rows = order[64 * number : 64 * number + 64]
        np.testing.assert_array_equal(features, data.features_ND[rows])
        np.testing.assert_array_equal(targets[:, 4:], data.partner_NK[rows])
        np.testing.assert_array_equal(targets[:, :4], data.labels[rows][:, None] == np.arange(4))
    whole = torch.cat([targets for _, targets in samples(data).blocks()])
    np.testing.assert_array_equal(whole[:, 4:], data.partner_NK)


def test_as_many_pairs_as_samples() -> None:
    data = dataclasses.replace(pairs(), partner_NK=np.zeros((7, len(P)), np.float32))
    with pytest.raises(DataError, match="there are 7 for 300 samples"):
        fit(data, P, settings())


@pytest.mark.parametrize("class_negatives", [True, False])
def test_a_step_restated(class_negatives: bool) -> None:
    data = pairs()
    own = {"class_negatives": class_negatives, "weight": 0.5, "margin": 0.3, "neighbours": 4}
    learner = TransferLearner(WIDTH, P, settings(mtls=own), CPU)
    features, targets = next(samples(data).batches(50, seed=0, epoch=1, drop_last=True))
    codes = learner.encoder(features).detach()
    labels = targets[:, :4]
    apart = torch.ones(50, 50, dtype=torch.bool)
    for i in range(50):
        for j in range(50):
            if bool(labels[i].any()) and torch.equal(labels[i], labels[j]):
                apart[i, j] = class_negatives
    expected = mtls_loss(
        codes, targets[:, 4:], margin=0.3, neighbours=4, temperature=0.1, weight=0.5, apart_BB=apart
    )
    before = learner.encoder_state()
    made = learner.step(features, targets).tolist()
    np.testing.assert_allclose(
        made, [expected.total, 0.5 * expected.structure, expected.retrieval], rtol=1e-5
    )
    assert any((before[name] != array).any() for name, array in learner.encoder_state().items())


def test_validation_is_measured_in_parts_as_large_as_a_batch() -> None:
    data = pairs()
    learner = TransferLearner(WIDTH, P, settings(batch_size=70), CPU)
    (whole,) = ((f, t) for f, t in samples(data).blocks())
    codes, partner = learner.encoder(whole[0]).detach(), whole[1][:, 4:]
    expected = np.zeros(3)
    for rows in np.array_split(np.random.default_rng(0).permutation(300), 5):
        part = mtls_loss(
            codes[rows], partner[rows], margin=0.2, neighbours=10, temperature=0.1, weight=1
        )
        expected += np.array([part.total, part.structure, part.retrieval]) * len(rows) / 300
    halves = [(whole[0][:123], whole[1][:123]), (whole[0][123:], whole[1][123:])]
    np.testing.assert_allclose(learner.measure(halves), expected, rtol=1e-4)


def fitted(**given: Any) -> FitResult:
    return fit(pairs(), P, **{"settings": settings(), **given})


def same(one: FitResult, two: FitResult) -> None:
    for name, array in one.encoder_state.items():
        np.testing.assert_array_equal(array, two.encoder_state[name])


def test_the_loss_falls_and_pairs_find_each_other() -> None:
    made = settings(epochs=30, learning_rate=3e-3)
    result = fitted(settings=made)
    losses = [record.validation_loss for record in result.history]
    assert losses[-1] < 0.5 * losses[0]
    assert result.best_epoch == 1 + int(np.argmin(losses))
    file = encoder_to_bytes(result.encoder_state, modality="m", subspace="s", settings=made)
    data = pairs()
    assert data.validation_partner_NK is not None
    codes = encoder_from_bytes(file, "f").embed(data.validation_features_ND)
    scores = codes @ data.validation_partner_NK.T
    for one in (scores, scores.T):
        ranks = (one > np.diag(one)[:, None]).sum(1)
        assert (ranks < 5).mean() > 0.5  # by chance 5 of 60


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    same(fitted(), fitted())
    other = fitted(settings=settings(seed=1)).encoder_state
    assert any((other[name] != array).any() for name, array in fitted().encoder_state.items())


def test_a_stopped_training_ends_as_an_uninterrupted_one() -> None:
    def asked() -> Iterator[bool]:
        yield from [False] * 10
        yield True

    slot, asks = MemorySlot(), asked()
    with pytest.raises(Interrupted):
        fitted(checkpoint=slot, stop=lambda: next(asks))
    again = fitted(checkpoint=slot)
    assert again.resumed_from is not None
    same(again, fitted())


def test_no_label_is_needed() -> None:
    result = fit(pairs(labelled=False), P, settings())
    same(result, fitted())
    free = settings(mtls={"class_negatives": False})
    same(fit(pairs(labelled=False), P, free), result)
    other = fitted(settings=free).encoder_state
    assert any((other[name] != array).any() for name, array in result.encoder_state.items())


def test_several_settings_at_once_have_the_bits_of_alone() -> None:
    chosen = [settings(seed=seed) for seed in (0, 1)]
    for found, each in zip(fit_batched(pairs(), P, chosen), chosen, strict=True):
        assert isinstance(found, FitResult)
        same(found, fitted(settings=each))


def test_it_is_not_divided_among_processes() -> None:
    place = Place(rank=0, size=2, local_size=2, address="127.0.0.1", port=1)
    group = parallel._Group(place, control=None)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="method mtls trains in one process, not in 2"):
        group.learner(WIDTH, P, settings(), CPU)
