"""Ranking on a torch device: the same figures as ``blocks``, computed where the codes are sent.

A stable sort of the scores of each block of queries, and cumulative sums in float64. The matrix
product must be in full float32 (torch's default; not TF32), or items tie and trade places.
"""

from __future__ import annotations

import numpy as np
import torch

from sdml.retrieval.curves import RECALL_STEPS, scopes_for
from sdml.retrieval.found import Found
from sdml.retrieval.relevance import Relevance
from sdml.retrieval.rows import Rows, repeated_rows

_SCORE_COST = 96  # bytes that a block holds for each of its scores


def rank_on(
    device: torch.device,
    query: Rows,
    gallery: Rows,
    relevance: Relevance,
    top_k: int,
    block_bytes: int,
) -> Found:
    """Rank the gallery for each query and reduce the rankings; ``block_bytes`` on the device."""
    gallery_GK = torch.cat([_moved(tile, device) for _, tile in gallery.tiles()])
    repeated = repeated_rows(gallery)
    pairs = None if repeated is None else [_moved(places, device) for places in repeated]
    order_Q = relevance.grouped()
    block = max(1, block_bytes // (_SCORE_COST * len(gallery)))
    parts = []
    for start in range(0, len(query), block):
        queries_B = order_Q[start : start + block]
        # -0.0 + 0.0 is +0.0: the two are one score.
        scores_BG = _moved(query.some(queries_B), device) @ gallery_GK.T + 0.0
        if pairs is not None:
            scores_BG[:, pairs[0]] = scores_BG[:, pairs[1]]
        order_BG = torch.sort(scores_BG, dim=1, descending=True, stable=True).indices
        relevant_BG = _moved(relevance.rows(queries_B), device)
        parts.append(_found(relevant_BG.gather(1, order_BG), top_k))
    return Found.joined(parts, order_Q)


def _moved(values: np.ndarray, device: torch.device) -> torch.Tensor:
    writable = values if values.flags.writeable else values.copy()
    return torch.from_numpy(np.ascontiguousarray(writable)).to(device)


def _found(ranked_BG: torch.Tensor, top_k: int) -> Found:
    gallery = ranked_BG.shape[1]
    so_far_BG = ranked_BG.cumsum(1)
    rank_G = torch.arange(1, gallery + 1, device=ranked_BG.device)
    precision_BG = (so_far_BG.double() / rank_G).where(ranked_BG, 0.0)
    depths_S = torch.tensor([gallery, top_k, *scopes_for(gallery)], device=ranked_BG.device)
    hits_BS = so_far_BG[:, depths_S.clamp(max=gallery) - 1]
    relevant_B1 = hits_BS[:, :1]
    # The best precision at this rank or a later one, read where each level of recall is reached.
    best_BG = precision_BG.flip(1).cummax(1).values.flip(1)
    steps_L = torch.arange(RECALL_STEPS + 1, device=ranked_BG.device)
    needed_BL = ((steps_L * relevant_B1 + RECALL_STEPS - 1) // RECALL_STEPS).clamp(min=1)
    place_BL = torch.searchsorted(so_far_BG, needed_BL).clamp(max=gallery - 1)
    recall_BL = best_BG.gather(1, place_BL).where(relevant_B1 > 0, 0.0)
    return Found(
        relevant_Q=hits_BS[:, 0].cpu().numpy(),
        hits_Q=hits_BS[:, 1].cpu().numpy(),
        total_Q=precision_BG.sum(1).cpu().numpy(),
        total_at_k_Q=precision_BG[:, :top_k].sum(1).cpu().numpy(),
        recall_QL=recall_BL.cpu().numpy(),
        scope_QS=hits_BS[:, 2:].cpu().numpy(),
    )
