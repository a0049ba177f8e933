"""The loss written out again with loops, and what must hold of its parts."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.special import rel_entr, softmax
from torch import Tensor

from sdml.networks import unit_rows
from sdml.objectives.mtls import mtls_loss, neighbourhood, retrieval_loss, structure_loss


def unit(rows: int, width: int = 5, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return unit_rows(torch.randn(rows, width, generator=generator, dtype=torch.float64))


def test_retrieval_restated() -> None:
    h, g = unit(6, seed=1), unit(6, seed=2)
    total = 0.0
    for i in range(6):
        for j in range(6):
            if i != j:
                pair = float(h[i] @ g[i])
                total += max(0.0, 0.3 - pair + float(h[i] @ g[j]))
                total += max(0.0, 0.3 - pair + float(h[j] @ g[i]))
    assert float(retrieval_loss(h, g, margin=0.3)) == pytest.approx(total / 6)


def test_items_known_to_belong_together_are_not_pushed_apart() -> None:
    h, g = unit(4, seed=1), unit(4, seed=2)
    labels = torch.tensor([0, 1, 0, 1])
    apart = labels[:, None] != labels
    total = 0.0
    for i, j in ((0, 1), (0, 3), (1, 0), (1, 2), (2, 1), (2, 3), (3, 0), (3, 2)):
        pair = float(h[i] @ g[i])
        total += max(0.0, 0.5 - pair + float(h[i] @ g[j]))
        total += max(0.0, 0.5 - pair + float(h[j] @ g[i]))
    loss = retrieval_loss(h, g, margin=0.5, apart_BB=apart)
    assert float(loss) == pytest.approx(total / 4)


@pytest.mark.parametrize("neighbours", [1, 3, 6, 50])
def test_neighbourhood_restated(neighbours: int) -> None:
    g = unit(7, seed=3)
    q = neighbourhood(g, neighbours=neighbours, temperature=0.2)
    for i in range(7):
        scores = {j: float(g[i] @ g[j]) for j in range(7) if j != i}
        nearest = sorted(scores, key=lambda j: -scores[j])[:neighbours]
        weights = softmax([scores[j] / 0.2 for j in nearest])
        expected = [0.0] * 7
        for j, weight in zip(nearest, weights, strict=True):
            expected[j] = float(weight)
        assert q[i].tolist() == pytest.approx(expected)


def test_structure_is_scipys_divergence() -> None:
    h, q = unit(7, seed=4), neighbourhood(unit(7, seed=5), neighbours=3, temperature=0.1)
    total = 0.0
    for i in range(7):
        others = [j for j in range(7) if j != i]
        p = softmax([float(h[i] @ h[j]) / 0.5 for j in others])
        total += float(rel_entr(q[i][others].numpy(), p).sum())
    assert float(structure_loss(h, q, temperature=0.5)) == pytest.approx(total / 7)


def test_equal_structure_costs_nothing() -> None:
    g = unit(6, seed=6)
    turned = g @ torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64))[0]
    q = neighbourhood(g, neighbours=5, temperature=0.3)
    assert float(structure_loss(turned, q, temperature=0.3)) == pytest.approx(0, abs=1e-12)


def test_swapping_the_modalities_swaps_the_parts() -> None:
    h, g = unit(8, seed=7), unit(8, seed=8)
    assert float(retrieval_loss(h, g, margin=0.2)) == pytest.approx(
        float(retrieval_loss(g, h, margin=0.2))
    )


def test_the_whole_is_weighted_and_no_gradient_reaches_the_partner() -> None:
    h, g = unit(8, seed=9).requires_grad_(), unit(8, seed=10).requires_grad_()
    loss = mtls_loss(h, g, margin=0.2, neighbours=3, temperature=0.1, weight=0.7)
    total, retrieval, structure = (float(part.detach()) for part in loss)
    assert total == pytest.approx(retrieval + 0.7 * structure)
    loss.total.backward()  # type: ignore[no-untyped-call]
    assert g.grad is None
    assert h.grad is not None
    assert bool(h.grad.isfinite().all())


def test_one_pair_costs_nothing_and_can_be_differentiated() -> None:
    h, g = unit(1).requires_grad_(), unit(1, seed=11)
    loss = mtls_loss(h, g, margin=0.2, neighbours=3, temperature=0.1, weight=1.0)
    assert float(loss.total.detach()) == 0
    loss.total.backward()  # type: ignore[no-untyped-call]
    assert h.grad is not None
    assert float(h.grad.abs().sum()) == 0


def test_perfect_pairs_far_from_all_others_cost_no_retrieval() -> None:
    corners = torch.eye(4, dtype=torch.float64)
    assert float(retrieval_loss(corners, corners, margin=1.0)) == 0
    assert float(retrieval_loss(corners, corners, margin=1.5)) == pytest.approx(2 * 3 * 0.5)
    assert math.isfinite(float(structure_loss(corners, torch.zeros(4, 4), temperature=0.1)))
