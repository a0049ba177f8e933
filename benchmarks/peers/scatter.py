"""Scatter matrices of several views at once, as blocks, from sums over classes.

The multi-view Fisher ratio (Kan et al., Multi-view discriminant analysis, PAMI 2016, equations
(4) to (10)): projected samples of all views are pooled, and the within- and between-class scatter
of the pool is a quadratic form in the stacked projections. With n_cv samples of class c in view
v, their sum s_cv, n_c = Σ_v n_cv and n = Σ_c n_c:

    within_vw  = δ_vw·Σ x xᵀ − Σ_c s_cv s_cwᵀ / n_c
    between_vw = Σ_c s_cv s_cwᵀ / n_c − (Σ_c s_cv)(Σ_c s_cw)ᵀ / n

Both are divided by n here. For one view they are the scatter matrices of LDA.
"""

from __future__ import annotations

import numpy as np

from benchmarks.peers.linear import block_diagonal
from benchmarks.peers.views import FloatArray, Views, one_hot


def pooled_scatter(views: Views, classes: int) -> tuple[FloatArray, FloatArray]:
    """(within, between), each (ΣR, ΣR), of single-label views in their order."""
    onehots = [one_hot(views.labels[name], classes) for name in views.modalities]
    rows = [views.features[name] for name in views.modalities]
    sums_CR = np.concatenate([o.T @ x for o, x in zip(onehots, rows, strict=True)], axis=1)
    counts_C = np.sum([o.sum(axis=0) for o in onehots], axis=0)
    total = counts_C.sum()
    joint = (sums_CR / np.maximum(counts_C, 1)[:, None]).T @ sums_CR
    whole_R = sums_CR.sum(axis=0)
    within = block_diagonal([x.T @ x for x in rows]) - joint
    between = joint - np.outer(whole_R, whole_R) / total
    return within / total, between / total
