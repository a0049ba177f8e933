"""The cross-entropy written out again, and that its posterior is the one that retrieval uses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from sdml.networks import unit_rows
from sdml.objectives import classifier_loss
from sdml.retrieval.similarity import SEVERAL, default_temperature, posterior_representation
from sdml.subspace import Subspace

NAMES = ("a", "b", "c", "d")
SUBSPACES = {
    "random": Subspace.random(NAMES, dimension=6, seed=0),
    "identity": Subspace.unit(NAMES),
    "simplex": Subspace.simplex(NAMES, dimension=6, seed=0),
}


def codes_of(subspace: Subspace, samples: int = 8) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return unit_rows(torch.randn(samples, subspace.dimension, generator=generator))


def projection_of(subspace: Subspace) -> Tensor:
    return torch.from_numpy(subspace.projection_KC.copy())


@pytest.mark.parametrize("kind", SUBSPACES)
def test_restated_for_one_label_and_none(kind: str) -> None:
    codes, p = codes_of(SUBSPACES[kind]), projection_of(SUBSPACES[kind])
    targets = torch.zeros(8, 4)
    targets[range(6), [0, 1, 2, 3, 0, 1]] = 1  # the last two samples have none
    terms = []
    for h, y in zip(codes.numpy().astype(float), targets.numpy(), strict=True):
        logits = [3.0 * sum(h * p.numpy()[:, c]) for c in range(4)]
        total = sum(math.exp(z) for z in logits)
        if y.any():
            terms.append(-math.log(math.exp(logits[y.argmax()]) / total))
    made = classifier_loss(codes, p, targets, temperature=3.0)
    assert float(made) == pytest.approx(np.mean(terms), rel=1e-5)


@pytest.mark.parametrize("kind", SUBSPACES)
def test_restated_for_several_labels_all_and_none(kind: str) -> None:
    codes, p = codes_of(SUBSPACES[kind]), projection_of(SUBSPACES[kind])
    targets = torch.zeros(8, 4)
    targets[range(6), [0, 1, 2, 3, 0, 1]] = 1
    targets[4, 2:] = 1
    targets[5] = 1  # the last two samples have none
    terms = []
    for h, y in zip(codes.numpy().astype(float), targets.numpy(), strict=True):
        chances = [1 / (1 + math.exp(-3 * (sum(h * p.numpy()[:, c]) - 0.5))) for c in range(4)]
        if y.any():
            terms.append(-sum(math.log(q if y[c] else 1 - q) for c, q in enumerate(chances)))
    made = classifier_loss(codes, p, targets, temperature=3.0, multi_label=True)
    assert float(made) == pytest.approx(np.mean(terms), rel=1e-5)


@pytest.mark.parametrize("kind", SUBSPACES)
def test_its_posterior_is_exactly_that_of_retrieval(kind: str) -> None:
    subspace = SUBSPACES[kind]
    codes, p, scale = codes_of(subspace), projection_of(subspace), default_temperature(4)
    posterior_NC = posterior_representation(codes.numpy(), subspace.projection_KC)
    for row, code in enumerate(codes):
        for c, target in enumerate(torch.eye(4)):
            loss = classifier_loss(code[None], p, target[None], temperature=scale)
            assert math.exp(-float(loss)) == pytest.approx(posterior_NC[row, c], rel=1e-5)
    rows_NC = 2 * posterior_representation(codes.numpy(), subspace.projection_KC, multi_label=True)
    for code, (a, b, *others) in zip(codes, rows_NC, strict=True):
        target = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
        loss = classifier_loss(code[None], p, target, temperature=SEVERAL, multi_label=True)
        chance = a * b * np.prod(1 - np.array(others))
        assert math.exp(-float(loss)) == pytest.approx(chance, rel=1e-5)


@pytest.mark.parametrize("multi_label", [False, True])
def test_without_labels_there_is_nothing_to_learn(multi_label: bool) -> None:
    codes = codes_of(SUBSPACES["random"]).requires_grad_()
    p = projection_of(SUBSPACES["random"])
    loss = classifier_loss(codes, p, torch.zeros(8, 4), temperature=3.0, multi_label=multi_label)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert codes.grad is not None
    assert not codes.grad.any()


def test_a_code_can_be_as_unsure_as_it_likes() -> None:
    p = projection_of(SUBSPACES["identity"])
    unsure = torch.full((1, 4), 0.5)  # the direction of 1, which softmax does not see
    loss = classifier_loss(unsure, p, torch.eye(4)[:1], temperature=default_temperature(4))
    assert float(loss) == pytest.approx(math.log(4))
