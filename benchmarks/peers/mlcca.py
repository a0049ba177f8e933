"""ml-CCA: canonical correlation over all pairs of samples with similar labels.

Ranjan, Rasiwasia and Jawahar, Multi-label cross-modal retrieval, ICCV 2015, equations (3) to (5):
with f(z, z') = exp(−‖z − z'‖/σ) between label vectors and sums over every sample i of one view and
every sample j of the other,

    C_xy = Σ_ij f_ij·x_i·y_jᵀ,   C_xx = Σ_ij f_ij·x_i·x_iᵀ,   C_yy = Σ_ij f_ij·y_j·y_jᵀ,

all divided by Σ_ij f_ij, then CCA with ridge κ·mean(diag). No rows need to be aligned. The
authors' fast version keeps few pairs for each sample; here all are kept, and the sums go over
groups of equal label vectors: G×G similarities instead of N×N. Both views' codes come from one
eigenproblem, so they have one scale (the code gives B unit columns: another scale of each axis).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.spatial.distance import cdist

from benchmarks.peers.linear import LinearPeer, leading, split_rows
from benchmarks.peers.peer import Point, Task
from benchmarks.peers.views import FloatArray, one_hot

_BLOCK = 1024


@dataclass(frozen=True, kw_only=True)
class MlCCA(LinearPeer):
    """Grid: σ of the label similarity, and ridge κ (the code's default is 0.25)."""

    name: ClassVar[str] = "ml-cca"
    paper: ClassVar[str] = "Ranjan et al., ICCV 2015"
    two_views: ClassVar[bool] = True
    multi_label: ClassVar[bool] = True

    grid: tuple[Point, ...] = (
        {"sigma": 0.5, "ridge": 0.25},
        {"sigma": 0.1, "ridge": 0.25},
        {"sigma": 0.5, "ridge": 0.01},
        {"sigma": 0.1, "ridge": 0.01},
    )
    dimensions: tuple[int, ...] = (10, 5, 20, 50)

    def solve(self, task: Task) -> Mapping[str, FloatArray]:
        """Directions by falling correlation."""
        views = task.train
        first, second = views.modalities
        xx, xy, yy = weighted_covariances(
            views.features[first],
            one_hot(views.labels[first], task.classes),
            views.features[second],
            one_hot(views.labels[second], task.classes),
            task.point["sigma"],
        )
        objective = np.block([[np.zeros_like(xx), xy], [xy.T, np.zeros_like(yy)]])
        constraint = np.block([[xx, np.zeros_like(xy)], [np.zeros_like(xy.T), yy]])
        for part in (slice(0, len(xx)), slice(len(xx), None)):
            own = constraint[part, part]
            own += task.point["ridge"] * np.trace(own) / len(own) * np.eye(len(own))
        values, vectors = leading(objective, constraint, max(self.dimensions))
        kept = max(1, int((values > 1e-10).sum()))
        parts = split_rows(vectors[:, :kept], [len(xx), len(yy)])
        return dict(zip(views.modalities, parts, strict=True))


def weighted_covariances(
    x_NR: FloatArray, zx_NC: FloatArray, y_NR: FloatArray, zy_NC: FloatArray, sigma: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """C_xx, C_xy, C_yy of two centred views with label vectors z."""
    groups_x, index_x, counts_x = _groups(zx_NC)
    groups_y, index_y, counts_y = _groups(zy_NC)
    sums_x, sums_y = _sums(x_NR, index_x, len(groups_x)), _sums(y_NR, index_y, len(groups_y))
    similar_y = np.empty((len(groups_x), y_NR.shape[1]))  # Σ_h f_gh·Σ_{j in h} y_j
    weight_x, weight_y = np.empty(len(groups_x)), np.zeros(len(groups_y))
    for start in range(0, len(groups_x), _BLOCK):
        part = slice(start, start + _BLOCK)
        f = np.exp(-cdist(groups_x[part], groups_y) / sigma)
        similar_y[part] = f @ sums_y
        weight_x[part] = f @ counts_y
        weight_y += counts_x[part] @ f
    total = float(weight_x @ counts_x)
    xx = (x_NR * weight_x[index_x][:, None]).T @ x_NR
    yy = (y_NR * weight_y[index_y][:, None]).T @ y_NR
    return xx / total, sums_x.T @ similar_y / total, yy / total


def _groups(z_NC: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Distinct label vectors, the number of each sample's, and how often each occurs."""
    distinct, index, counts = np.unique(z_NC, axis=0, return_inverse=True, return_counts=True)
    return distinct, index.reshape(-1), counts.astype(np.float64)


def _sums(rows_NR: FloatArray, index_N: FloatArray, groups: int) -> FloatArray:
    sums = np.zeros((groups, rows_NR.shape[1]))
    np.add.at(sums, index_N, rows_NR)
    return sums
