"""DRCL's objectives written out again, and their degenerate cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import Tensor

from sdml.objectives.drcl import (
    distance_loss,
    drcl_loss,
    generalised_cross_entropy,
    mixed,
    structure_loss,
)

N, K, C = 6, 5, 3


def tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


TARGETS = torch.tensor([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1], [0.9, 0.1, 0], [1, 1, 1.0]])


@pytest.mark.parametrize("q", [0.01, 0.3, 1.0])
def test_generalised_cross_entropy_restated(q: float) -> None:
    logits = tensor(N, C)
    p = (softmax(logits.numpy().astype(float), axis=1) * TARGETS.numpy()).sum(1)
    expected = np.mean((1 - p**q) / q)
    assert float(generalised_cross_entropy(logits, TARGETS, q)) == pytest.approx(expected, rel=1e-4)


def test_its_ends_are_cross_entropy_and_absolute_error() -> None:
    logits, targets = tensor(N, C), torch.eye(C).repeat(2, 1)
    entropy = float(torch.nn.functional.cross_entropy(logits, targets))
    assert float(generalised_cross_entropy(logits, targets, 0)) == pytest.approx(entropy)
    assert float(generalised_cross_entropy(logits, targets, 1e-4)) == pytest.approx(
        entropy, rel=1e-3
    )
    error = 1 - (logits.softmax(1) * targets).sum(1).mean()
    assert float(generalised_cross_entropy(logits, targets, 1)) == pytest.approx(float(error))


@pytest.mark.parametrize("q", [0, 1e-3, 0.5, 1])
def test_a_hopeless_sample_has_a_finite_gradient(q: float) -> None:
    logits = torch.tensor([[-500.0, 500.0, 0.0]], requires_grad=True)
    loss = generalised_cross_entropy(logits, torch.eye(3)[:1], q)
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("rows", [2, 1024])
def test_structure_restated_in_blocks_of_any_size(
    monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr("sdml.objectives.drcl._ROWS", rows)
    codes, targets = tensor(N, K), tensor(N, K, seed=1)

    def cosine(a: Tensor, b: Tensor) -> float:
        return float(2 * (a @ b) / (a.norm() * b.norm()))

    terms = [
        (cosine(targets[i], targets[j]) - cosine(codes[i], codes[j])) ** 2
        + (cosine(targets[i], codes[j]) - cosine(targets[j], codes[i])) ** 2
        for i in range(N)
        for j in range(N)
    ]
    assert float(structure_loss(codes, targets)) == pytest.approx(np.mean(terms), rel=1e-5)


def test_codes_at_their_targets_cost_nothing() -> None:
    targets = tensor(N, K)
    assert float(structure_loss(targets, targets)) == pytest.approx(0, abs=1e-10)
    assert float(structure_loss(3 * targets, targets)) == pytest.approx(0, abs=1e-10)
    assert float(distance_loss(targets, targets)) == 0
    assert math.isfinite(float(structure_loss(torch.zeros(N, K), targets)))


def test_distance_is_a_mean_over_entries_or_samples() -> None:
    codes, targets = tensor(N, K), tensor(N, K, seed=1)
    squares = (codes - targets).numpy().astype(float) ** 2
    assert float(distance_loss(codes, targets)) == pytest.approx(squares.mean())
    assert float(distance_loss(codes, targets, "sum")) == pytest.approx(squares.sum() / N)


def test_the_whole_is_the_weighted_sum_and_targets_are_reversed_labels() -> None:
    codes, prior = tensor(N, K), tensor(K, C, seed=1)
    inverse = torch.linalg.pinv(prior)
    torch.testing.assert_close(inverse @ prior, torch.eye(C), atol=1e-5, rtol=0)
    made = drcl_loss(codes, TARGETS, prior, inverse, q=0.5, alpha=0.1, beta=0.2, eta=0.7)
    targets = TARGETS @ inverse
    torch.testing.assert_close(targets @ prior, TARGETS, atol=1e-5, rtol=0)
    parts = (
        structure_loss(codes, targets),
        distance_loss(codes, targets),
        generalised_cross_entropy(codes @ prior, TARGETS, 0.5),
    )
    for part, expected in zip(made[1:], parts, strict=True):
        assert float(part) == pytest.approx(float(expected))
    assert float(made.total) == pytest.approx(
        sum(w * float(part) for w, part in zip((0.1, 0.2, 0.7), parts, strict=True))
    )


def test_no_sample_no_loss() -> None:
    codes = torch.empty(0, K, requires_grad=True)
    prior = tensor(K, C)
    made = drcl_loss(
        codes, torch.empty(0, C), prior, prior.T.contiguous(), q=0.5, alpha=1, beta=1, eta=1
    )
    made.total.backward()  # type: ignore[no-untyped-call]
    assert [part.item() for part in made] == [0, 0, 0, 0]


def test_mixing() -> None:
    rows, order = tensor(N, K), torch.tensor([1, 0, 3, 2, 5, 4])
    torch.testing.assert_close(mixed(rows, order, 1.0), rows)
    made = mixed(rows, order, 0.9).numpy()
    for i in range(N):
        np.testing.assert_allclose(made[i], 0.9 * rows[i] + 0.1 * rows[order[i]], rtol=1e-5)
