"""The cross-entropy written out again, and that its posterior is the one that retrieval uses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from sdml.networks import unit_rows
from sdml.objectives import classifier_loss
from sdml.retrieval.similarity import default_temperature, posterior_representation
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
def test_restated_for_one_label_several_and_none(kind: str) -> None:
    codes, p = codes_of(SUBSPACES[kind]), projection_of(SUBSPACES[kind])
    targets = torch.zeros(8, 4)
    targets[range(6), [0, 1, 2, 3, 0, 1]] = 1
    targets[4:6, 2:] = 1  # three labels; the last two samples have none
    terms = []
    for h, y in zip(codes.numpy().astype(float), targets.numpy(), strict=True):
        logits = [3.0 * sum(h * p.numpy()[:, c]) for c in range(4)]
        total = sum(math.exp(z) for z in logits)
        if y.any():
            own = np.flatnonzero(y)
            terms.append(-sum(math.log(math.exp(logits[c]) / total) for c in own) / len(own))
    made = classifier_loss(codes, p, targets, temperature=3.0)
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


def test_without_labels_there_is_nothing_to_learn() -> None:
    codes = codes_of(SUBSPACES["random"]).requires_grad_()
    p = projection_of(SUBSPACES["random"])
    loss = classifier_loss(codes, p, torch.zeros(8, 4), temperature=3.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert codes.grad is not None
    assert not codes.grad.any()


def test_a_code_can_be_as_unsure_as_it_likes() -> None:
    p = projection_of(SUBSPACES["identity"])
    unsure = torch.full((1, 4), 0.5)  # the direction of 1, which softmax does not see
    loss = classifier_loss(unsure, p, torch.eye(4)[:1], temperature=default_temperature(4))
    assert float(loss) == pytest.approx(math.log(4))
