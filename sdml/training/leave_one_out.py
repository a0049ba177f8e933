"""Ridge regression of several targets, with each sample's prediction by all the others.

Kernel ridge regression has these predictions for nothing: with G = (K + ρI)⁻¹ and dual weights
A = GT, that of sample n is Tₙ − Aₙ/Gₙₙ. One eigendecomposition serves all strengths ρ: of the
kernel K = RRᵀ (N, N), or of RᵀR (X, X) where there are fewer regressors than samples.

Letters: N samples, X regressors, C targets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import torch

Doubles = npt.NDArray[np.float64]

LeftOut = Iterator[tuple[Doubles, Doubles]]
"""For each strength the dual weights, and the predictions, both (N, C)."""


def left_out(kernel_NN: Doubles, targets_NC: Doubles, ridges: Iterable[float]) -> LeftOut:
    """By the kernel of the samples, for each strength."""
    values_N, vectors_NN = _eigen(kernel_NN)
    turned_NC, squares_NN = product(vectors_NN.T, targets_NC), np.square(vectors_NN)
    for ridge in ridges:
        weights_N = 1 / (values_N + ridge)
        dual_NC = product(vectors_NN, weights_N[:, None] * turned_NC)
        yield dual_NC, targets_NC - dual_NC / product(squares_NN, weights_N)[:, None]


def left_out_by_columns(rows_NX: Doubles, targets_NC: Doubles, ridges: Iterable[float]) -> LeftOut:
    """The same by the regressors: G = (I − RV(Λ + ρI)⁻¹(RV)ᵀ)/ρ, where RᵀR = VΛVᵀ."""
    values_X, vectors_XX = _eigen(product(rows_NX.T, rows_NX))
    turned_NX = product(rows_NX, vectors_XX)
    seen_XC, squares_NX = product(turned_NX.T, targets_NC), np.square(turned_NX)
    for ridge in ridges:
        weights_X = 1 / (values_X + ridge)
        dual_NC = (targets_NC - product(turned_NX, weights_X[:, None] * seen_XC)) / ridge
        diagonal_N = (1 - product(squares_NX, weights_X)) / ridge
        yield dual_NC, targets_NC - dual_NC / diagonal_N[:, None]


def product(left: Doubles, right: Doubles) -> Doubles:
    """By torch, whose number of threads is the training's: it decides speed and bits."""
    made: Doubles = (torch.from_numpy(left) @ torch.from_numpy(right)).numpy()
    return made


def _eigen(symmetric: Doubles) -> tuple[Doubles, Doubles]:
    """Eigenvalues, none below 0, and eigenvectors."""
    values, vectors = torch.linalg.eigh(torch.from_numpy(symmetric))
    return np.maximum(values.numpy(), 0), vectors.numpy()
