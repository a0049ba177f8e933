"""The objective of SDML, equation (1): λ·‖g(h) − x‖ + (1 − λ)·‖Pᵀh − y‖, a mean over a batch.

The norms are not squared, as in the equation and the released code. What differs from that code:

- the square root has a guard: its gradient at a residual of zero is zero, not NaN;
- the supervised mean over labelled samples masks by multiplication: without labelled samples it
  is 0 with a zero gradient, not NaN, and no device has to wait for an index.

``normalize_target`` and ``label_count_normalised`` are what the same authors changed in ISVN
(2021): reconstruct x/‖x‖; divide a sample's supervised norm by its number of labels k, since a
unit code cannot come closer to k labels than √k − 1.

Of columns that are not orthonormal (a simplex) a unit code at its class has Pᵀh = Pᵀp_y, which is
not y: held against y, the best code would turn away from its class, into dimensions that mean
nothing. So y is replaced by PᵀPy, which is what y is for orthonormal columns: the term is
‖Pᵀ(h − Py)‖, zero at the class's own column.

Letters: N samples, D features, K code size, C classes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_GUARD = 1e-20  # inside the square root: a residual of zero counts 1e-10


class Losses(NamedTuple):
    """Scalars: the objective, and its two parts before they are weighted."""

    total: Tensor
    reconstruction: Tensor
    supervised: Tensor


def reconstruction_loss(
    reconstruction_ND: Tensor,
    features_ND: Tensor,
    *,
    squared: bool = False,
    normalize_target: bool = False,
) -> Tensor:
    """Mean over samples of ‖x̂ − x‖, a scalar.

    Args:
        reconstruction_ND: x̂.
        features_ND: x.
        squared: sum of squares instead of the norm.
        normalize_target: compare with x/‖x‖ instead of x (zero rows stay zero).
    """
    if normalize_target:
        features_ND = torch.nn.functional.normalize(features_ND)
    return _norms(reconstruction_ND - features_ND, squared=squared).mean()


def supervised_loss(
    codes_NK: Tensor,
    projection_KC: Tensor,
    targets_NC: Tensor,
    *,
    gram_CC: Tensor | None = None,
    squared: bool = False,
    label_count_normalised: bool = False,
) -> Tensor:
    """Mean over labelled samples of ‖Pᵀh − PᵀPy‖, a scalar; 0 when no sample is labelled.

    Args:
        codes_NK: h.
        projection_KC: P.
        targets_NC: y, multi-hot; a row of zeros is an unlabelled sample.
        gram_CC: PᵀP; None if it is I.
        squared: sum of squares instead of the norm.
        label_count_normalised: divide each sample's norm by its number of labels.
    """
    counts_N = targets_NC.sum(1)
    weights_N = (counts_N > 0).to(codes_NK.dtype)
    labelled = weights_N.sum().clamp(min=1)
    if label_count_normalised:
        weights_N = weights_N / counts_N.clamp(min=1)
    if gram_CC is not None:
        targets_NC = targets_NC @ gram_CC
    norms_N = _norms(codes_NK @ projection_KC - targets_NC, squared=squared)
    return (norms_N * weights_N).sum() / labelled


def sdml_loss(
    codes_NK: Tensor,
    reconstruction_ND: Tensor,
    features_ND: Tensor,
    targets_NC: Tensor,
    projection_KC: Tensor,
    *,
    lambda_: float,
    gram_CC: Tensor | None = None,
    squared: bool = False,
    normalize_target: bool = False,
    label_count_normalised: bool = False,
) -> Losses:
    """λ·reconstruction + (1 − λ)·supervised, with its parts.

    At λ = 1 the labels do not matter, at λ = 0 the reconstruction does not; the part without
    weight is still reported.
    """
    reconstruction = reconstruction_loss(
        reconstruction_ND, features_ND, squared=squared, normalize_target=normalize_target
    )
    supervised = supervised_loss(
        codes_NK,
        projection_KC,
        targets_NC,
        gram_CC=gram_CC,
        squared=squared,
        label_count_normalised=label_count_normalised,
    )
    return weighted(reconstruction, supervised, lambda_)


def weighted(reconstruction: Tensor, supervised: Tensor, lambda_: float) -> Losses:
    """λ·reconstruction + (1 − λ)·supervised, and the two."""
    total = lambda_ * reconstruction + (1 - lambda_) * supervised
    return Losses(total, reconstruction, supervised)


def _norms(residual_ND: Tensor, *, squared: bool) -> Tensor:
    """L2 norm of each row, or its square."""
    squares_N = residual_ND.square().sum(1)
    return squares_N if squared else (squares_N + _GUARD).sqrt()
