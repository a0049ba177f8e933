"""Transferring local structure between paired modalities: **our reading** of MTLS.

Dong, Jian and Lu (Symmetry 12(9):1504, 2020) name three parts: a bidirectional retrieval loss
on pairs, a soft metric learning that carries one modality's neighbourhoods over to the other, and
rounds in which the two take turns. Neither formulas nor code are public, so these are not the
authors' formulas; they are the plain ones that fit the words.

The modality that is trained meets codes of its partner that stand still, so one network is
trained at a time:

    J = retrieval + weight · structure

- retrieval: Σ_{j≠i} [margin − s(h_i, g_i) + s(h_i, g_j)]₊ and the mirrored sum over h_j, the mean
  over i of both; s is the cosine, g the partner's codes.
- structure: KL(q_i ‖ p_i), the mean over i. q_i weighs the k nearest of the partner's codes in the
  batch by a softmax of their cosine, nothing else; p_i is the softmax of h_i's cosines to all
  other h_j.

Letters: B pairs in a batch, K code size.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Transfer(NamedTuple):
    """Scalars: J and its two parts before they are weighted."""

    total: Tensor
    retrieval: Tensor
    structure: Tensor


def mtls_loss(
    codes_BK: Tensor,
    partner_BK: Tensor,
    *,
    margin: float,
    neighbours: int,
    temperature: float,
    weight: float,
    apart_BB: Tensor | None = None,
) -> Transfer:
    """J of a batch of pairs.

    Args:
        codes_BK: h, unit rows, of the modality that is trained.
        partner_BK: g, unit rows, of the same items; no gradient reaches them.
        margin: by how much a pair should be nearer than what is no pair.
        neighbours: k; a batch with fewer others takes them all.
        temperature: of both softmaxes.
        weight: of the structure.
        apart_BB: see :func:`retrieval_loss`.
    """
    partner_BK = partner_BK.detach()
    retrieval = retrieval_loss(codes_BK, partner_BK, margin=margin, apart_BB=apart_BB)
    weights_BB = neighbourhood(partner_BK, neighbours=neighbours, temperature=temperature)
    structure = structure_loss(codes_BK, weights_BB, temperature=temperature)
    return Transfer(retrieval + weight * structure, retrieval, structure)


def retrieval_loss(
    codes_BK: Tensor, partner_BK: Tensor, *, margin: float, apart_BB: Tensor | None = None
) -> Tensor:
    """The hinge over what is no pair, in both directions; 0 for one pair.

    ``apart_BB``, symmetric, is false where two items are known to belong together although they
    are no pair; by default there are none.
    """
    scores_BB = codes_BK @ partner_BK.T
    pairs_B = scores_BB.diagonal()
    others_BB = _others(scores_BB)
    if apart_BB is not None:
        others_BB = others_BB & apart_BB
    by_code_BB = (margin + scores_BB - pairs_B[:, None]).clamp(min=0)
    by_partner_BB = (margin + scores_BB - pairs_B[None, :]).clamp(min=0)
    return ((by_code_BB + by_partner_BB) * others_BB).sum() / len(scores_BB)


def neighbourhood(partner_BK: Tensor, *, neighbours: int, temperature: float) -> Tensor:
    """q, (B, B): each row adds up to 1 over the nearest others; rows of zeros for a single pair."""
    scores_BB = partner_BK @ partner_BK.T
    kept = min(neighbours, len(scores_BB) - 1)
    if kept == 0:
        return torch.zeros_like(scores_BB)
    scores_BB = scores_BB.masked_fill(~_others(scores_BB), -torch.inf)
    nearest_BN, places_BN = scores_BB.topk(kept, dim=1)
    weights_BN = torch.softmax(nearest_BN / temperature, dim=1)
    return torch.zeros_like(scores_BB).scatter(1, places_BN, weights_BN)


def structure_loss(codes_BK: Tensor, weights_BB: Tensor, *, temperature: float) -> Tensor:
    """Mean of KL(q_i ‖ p_i), a scalar; ``weights_BB`` is q, with zeros on its diagonal."""
    if len(codes_BK) < 2:
        return codes_BK.sum() * 0
    scores_BB = codes_BK @ codes_BK.T / temperature
    others_BB = _others(scores_BB)
    log_p_BB = torch.log_softmax(scores_BB.masked_fill(~others_BB, -torch.inf), dim=1)
    log_p_BB = log_p_BB.masked_fill(~others_BB, 0)  # 0 · −∞ is not a number
    return (torch.xlogy(weights_BB, weights_BB) - weights_BB * log_p_BB).sum(1).mean()


def _others(scores_BB: Tensor) -> Tensor:
    """True everywhere but on the diagonal."""
    return ~torch.eye(len(scores_BB), dtype=torch.bool, device=scores_BB.device)
