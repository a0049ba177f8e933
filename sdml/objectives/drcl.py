"""The objectives of DRCL (Pu et al., TMM 2025), after its released code.

A learned class matrix W ∈ R^{K×C} takes the place of a random projection. *Selective prior
learning* trains a network and W together; *reversible semantic consistency* then holds W still,
turns labels back into code space by its pseudo-inverse L (t = yL), and trains a network by

    J = α·J_D + β·J_MSE + η·J_L

- J_L: generalised cross-entropy (1 − p^q)/q of the true class's softmax probability p under the
  logits hW. Near q = 0 it is cross-entropy, at q = 1 the mean absolute error 1 − p. Of several
  labels p is the sum of their probabilities.
- J_D: the codes shall have among each other, and with the targets, the cosines that the targets
  have; the released code has twice the cosine, which is kept.
- J_MSE: the mean squared difference of codes and targets over all N·K entries.

*Feature augmentation* mixes each code, and its label, with another one of the batch before that.

The probabilities are computed by logarithms, so p^q has a finite gradient however small p is, and
q = 0 is its limit, cross-entropy; the released code has 0/0 there.

Letters: N samples, K code size, C classes.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

_ROWS = 1024  # rows of a cosine matrix at a time
_SMALLEST = 1e-6  # product of two lengths


class Consistency(NamedTuple):
    """Scalars: J and its three parts before they are weighted."""

    total: Tensor
    structure: Tensor
    distance: Tensor
    label: Tensor


def true_class_log_probability(logits_NC: Tensor, targets_NC: Tensor) -> Tensor:
    """log Σ_c y_c·softmax(z)_c of each row, (N,). ``targets_NC`` may hold mixed labels."""
    log_posterior_NC = torch.log_softmax(logits_NC, dim=1)
    return torch.logsumexp(log_posterior_NC + targets_NC.log(), dim=1)


def generalised_cross_entropy(logits_NC: Tensor, targets_NC: Tensor, q: float) -> Tensor:
    """Mean of (1 − p^q)/q, or of −log p at q = 0; a scalar.

    Args:
        logits_NC: z.
        targets_NC: y, no row of zeros: multi-hot, or mixed of such rows.
        q: 0 to 1.
    """
    log_p_N = true_class_log_probability(logits_NC, targets_NC)
    return -log_p_N.mean() if q == 0 else (-torch.expm1(q * log_p_N) / q).mean()


def structure_loss(codes_NK: Tensor, targets_NK: Tensor) -> Tensor:
    """J_D = mean (2cos(T, T) − 2cos(F, F))² + mean (2cos(T, F) − 2cos(T, F)ᵀ)², a scalar.

    Computed by blocks of rows, so memory grows with N and not with its square.
    """
    sums = codes_NK.new_zeros(())
    for start in range(0, len(codes_NK), _ROWS):
        codes_BK = codes_NK[start : start + _ROWS]
        targets_BK = targets_NK[start : start + _ROWS]
        match_BN = _twice_cosine(targets_BK, targets_NK) - _twice_cosine(codes_BK, codes_NK)
        skew_BN = _twice_cosine(targets_BK, codes_NK) - _twice_cosine(codes_BK, targets_NK)
        sums = sums + match_BN.square().sum() + skew_BN.square().sum()
    return sums / len(codes_NK) ** 2


def distance_loss(
    codes_NK: Tensor, targets_NK: Tensor, reduction: Literal["mean", "sum"] = "mean"
) -> Tensor:
    """J_MSE: mean of (T − F)² over all entries, or over samples of their ``sum`` over K."""
    squares_NK = (targets_NK - codes_NK).square()
    return squares_NK.mean() if reduction == "mean" else squares_NK.sum(1).mean()


def drcl_loss(
    codes_NK: Tensor,
    labels_NC: Tensor,
    prior_KC: Tensor,
    inverse_CK: Tensor,
    *,
    q: float,
    alpha: float,
    beta: float,
    eta: float,
    reduction: Literal["mean", "sum"] = "mean",
    normalize_target: bool = False,
) -> Consistency:
    """J, with its parts; zeros without a sample.

    Args:
        codes_NK: F, mixed or not.
        labels_NC: y, no row of zeros, mixed as the codes are.
        prior_KC: W.
        inverse_CK: L, the pseudo-inverse of W.
        q: of the generalised cross-entropy.
        alpha: weight of J_D.
        beta: weight of J_MSE.
        eta: weight of J_L.
        reduction: of J_MSE.
        normalize_target: scale the targets yL to length 1.
    """
    if len(codes_NK) == 0:
        nothing = codes_NK.sum() * 0
        return Consistency(nothing, nothing, nothing, nothing)
    targets_NK = labels_NC @ inverse_CK
    if normalize_target:
        targets_NK = torch.nn.functional.normalize(targets_NK)
    structure = structure_loss(codes_NK, targets_NK)
    distance = distance_loss(codes_NK, targets_NK, reduction)
    label = generalised_cross_entropy(codes_NK @ prior_KC, labels_NC, q)
    return Consistency(
        alpha * structure + beta * distance + eta * label, structure, distance, label
    )


def mixed(rows_NX: Tensor, order_N: Tensor, gamma: float) -> Tensor:
    """γ·rows + (1 − γ)·rows in another order: codes, or their labels."""
    return gamma * rows_NX + (1 - gamma) * rows_NX[order_N]


def _twice_cosine(left_BK: Tensor, right_NK: Tensor) -> Tensor:
    left_B, right_N = (torch.linalg.vector_norm(rows, dim=1) for rows in (left_BK, right_NK))
    lengths_BN: Tensor = (left_B[:, None] * right_N).clamp(min=_SMALLEST)
    cosines_BN: Tensor = 2 * (left_BK @ right_NK.T) / lengths_BN
    return cosines_BN
