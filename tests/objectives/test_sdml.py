"""The objective, each part written out again in numpy, and where the released code gives NaN."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sdml.objectives import reconstruction_loss, sdml_loss, supervised_loss
from sdml.subspace import Subspace

N, D, K, C = 7, 5, 6, 4
BOTH = list(product([False, True], repeat=2))
P = torch.from_numpy(
    Subspace.random([str(c) for c in range(C)], dimension=K, seed=0).projection_KC.copy()
)


def batch(seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Codes, reconstruction, features; targets with one, several and no labels."""
    rng = np.random.default_rng(seed)
    codes, reconstruction, features = (
        torch.from_numpy(rng.standard_normal((N, width)).astype(np.float32)) for width in (K, D, D)
    )
    targets = torch.from_numpy(rng.integers(0, 2, (N, C)).astype(np.float32))
    targets[0] = 0
    targets[1] = torch.tensor([0, 1, 0, 0])
    return codes, reconstruction, features, targets


@pytest.mark.parametrize(("squared", "normalize_target"), BOTH)
def test_reconstruction_restated(squared: bool, normalize_target: bool) -> None:
    _, reconstruction, features, _ = batch()
    features[2] = 0
    expected = []
    for made, x in zip(reconstruction.numpy(), features.numpy(), strict=True):
        length = float(np.sqrt((x * x).sum()))
        target = x / length if normalize_target and length > 0 else x
        square = float(((made - target) ** 2).sum())
        expected.append(square if squared else math.sqrt(square))
    loss = reconstruction_loss(
        reconstruction, features, squared=squared, normalize_target=normalize_target
    )
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-6)


@pytest.mark.parametrize(("squared", "by_count"), BOTH)
def test_supervised_restated(squared: bool, by_count: bool) -> None:
    codes, _, _, targets = batch()
    expected = []
    for h, y in zip(codes.numpy(), targets.numpy(), strict=True):
        if y.sum() == 0:
            continue
        square = float(((P.numpy().T @ h - y) ** 2).sum())
        norm = square if squared else math.sqrt(square)
        expected.append(norm / y.sum() if by_count else norm)
    loss = supervised_loss(codes, P, targets, squared=squared, label_count_normalised=by_count)
    assert len(expected) == N - 1
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-6)


@settings(deadline=None)
@given(st.floats(0, 1))
def test_the_parts_are_weighted_by_lambda(lambda_: float) -> None:
    codes, reconstruction, features, targets = batch()
    losses = sdml_loss(codes, reconstruction, features, targets, P, lambda_=lambda_)
    rec, sup = reconstruction_loss(reconstruction, features), supervised_loss(codes, P, targets)
    assert (losses.reconstruction, losses.supervised) == (rec, sup)
    expected = lambda_ * float(rec) + (1 - lambda_) * float(sup)
    assert float(losses.total) == pytest.approx(expected, rel=1e-5)


def test_toggles_reach_their_parts() -> None:
    codes, reconstruction, features, targets = batch()
    toggles: dict[str, Any] = {
        "squared": True,
        "normalize_target": True,
        "label_count_normalised": True,
    }
    losses = sdml_loss(codes, reconstruction, features, targets, P, lambda_=0.5, **toggles)
    assert losses.reconstruction == reconstruction_loss(
        reconstruction, features, squared=True, normalize_target=True
    )
    assert losses.supervised == supervised_loss(
        codes, P, targets, squared=True, label_count_normalised=True
    )


def test_zero_at_the_class_column() -> None:
    loss = supervised_loss(P.T, P, torch.eye(C))
    assert float(loss) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_k_labels_leave_a_residual_of_root_k_minus_one(k: int) -> None:
    y = torch.zeros(1, C)
    y[0, :k] = 1
    best = (P @ y[0] / math.sqrt(k)).unsqueeze(0)
    assert float(supervised_loss(best, P, y)) == pytest.approx(math.sqrt(k) - 1, abs=1e-6)
    normalised = supervised_loss(best, P, y, label_count_normalised=True)
    assert float(normalised) == pytest.approx((math.sqrt(k) - 1) / k, abs=1e-6)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_no_unit_code_is_closer_to_k_labels(seed: int, k: int) -> None:
    code = np.random.default_rng(seed).standard_normal((1, K)).astype(np.float32)
    code /= np.linalg.norm(code)
    y = torch.zeros(1, C)
    y[0, :k] = 1
    assert float(supervised_loss(torch.from_numpy(code), P, y)) >= math.sqrt(k) - 1 - 1e-6


def test_a_residual_of_zero_has_a_zero_gradient() -> None:
    features = batch()[2]
    made = features.clone().requires_grad_()
    reconstruction_loss(made, features).backward()  # type: ignore[no-untyped-call]
    assert made.grad is not None
    assert torch.equal(made.grad, torch.zeros_like(made))


def test_no_labelled_sample_gives_zero_with_a_zero_gradient() -> None:
    codes = batch()[0].requires_grad_()
    loss = supervised_loss(codes, P, torch.zeros(N, C))
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == 0
    assert codes.grad is not None
    assert torch.equal(codes.grad, torch.zeros_like(codes))


def test_unlabelled_samples_change_neither_value_nor_gradient() -> None:
    codes, _, _, targets = batch()
    alone = codes[1:].clone().requires_grad_()
    supervised_loss(alone, P, targets[1:]).backward()  # type: ignore[no-untyped-call]
    whole = codes.clone().requires_grad_()
    supervised_loss(whole, P, targets).backward()  # type: ignore[no-untyped-call]
    assert alone.grad is not None
    assert whole.grad is not None
    torch.testing.assert_close(whole.grad[1:], alone.grad)
    assert not whole.grad[0].any()


@pytest.mark.parametrize("toggle", ["squared", "normalize_target", "label_count_normalised"])
def test_gradients_by_finite_differences(toggle: str) -> None:
    codes, reconstruction, features, targets = (t.double() for t in batch())
    toggles: dict[str, Any] = {toggle: True}

    def total(codes: Tensor, reconstruction: Tensor) -> Tensor:
        return sdml_loss(
            codes, reconstruction, features, targets, P.double(), lambda_=0.3, **toggles
        ).total

    inputs = (codes.requires_grad_(), reconstruction.requires_grad_())
    assert torch.autograd.gradcheck(total, inputs)


@pytest.mark.parametrize(("lambda_", "still"), [(0.0, 1), (1.0, 0)])
def test_the_part_without_weight_has_no_gradient(lambda_: float, still: int) -> None:
    codes, reconstruction, features, targets = batch()
    inputs = (codes.requires_grad_(), reconstruction.requires_grad_())
    sdml_loss(*inputs, features, targets, P, lambda_=lambda_).total.backward()  # type: ignore[no-untyped-call]
    gradients: list[npt.NDArray[np.float32]] = []
    for tensor in inputs:
        assert tensor.grad is not None
        gradients.append(tensor.grad.numpy())
    assert not gradients[still].any()
    assert gradients[1 - still].any()


class TestASimplex:
    P = torch.from_numpy(
        Subspace.simplex([str(c) for c in range(C)], dimension=K, seed=0).projection_KC.copy()
    )
    GRAM = P.T @ P

    def test_supervised_restated(self) -> None:
        codes, _, _, targets = batch()
        expected = []
        for h, y in zip(codes.numpy(), targets.numpy(), strict=True):
            if y.any():
                ideal = sum(self.P[:, c].numpy() for c in np.flatnonzero(y))
                expected.append(np.linalg.norm(self.P.numpy().T @ (h - ideal)))
        made = supervised_loss(codes, self.P, targets, gram_CC=self.GRAM)
        assert float(made) == pytest.approx(np.mean(expected), rel=1e-5)

    def test_a_code_at_its_class_costs_nothing_and_nothing_is_better(self) -> None:
        codes, targets = self.P.T.contiguous(), torch.eye(C)
        assert float(supervised_loss(codes, self.P, targets, gram_CC=self.GRAM)) < 1e-6
        # held against y itself the best unit code is another: it leaves the simplex's span
        assert float(supervised_loss(codes, self.P, targets)) == pytest.approx((C - 1) ** -0.5)
        basis = torch.linalg.svd(self.P).U[:, C - 1]  # a dimension outside the span
        share = (C - 1) / C
        away = share * codes + (1 - share**2) ** 0.5 * basis
        assert float(supervised_loss(away, self.P, targets)) == pytest.approx(C**-0.5, rel=1e-5)

    def test_for_orthonormal_columns_the_gram_matrix_changes_nothing(self) -> None:
        codes, _, _, targets = batch()
        plain = float(supervised_loss(codes, P, targets))
        assert float(supervised_loss(codes, P, targets, gram_CC=P.T @ P)) == pytest.approx(plain)
