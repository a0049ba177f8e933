"""MvDA-VC: MvDA with view consistency, in a form that never holds an N×N matrix.

Kan et al., PAMI 2016, section 3.4: a view's direction is a combination of its samples, w_v =
X_v·β_v, and views of the same items shall use similar combinations: Σ_{v<w} ‖β_v − β_w‖² joins
the denominator of the Fisher ratio with a weight λ. The paper inverts each view's N×N Gram matrix
to get β. Here β_v is the least-norm combination, by the ridge form of the pseudo-inverse,

    β_v = Zᵀ_v·w_v,    Z_v = (X_vX_vᵀ + εI)⁻¹ X_v    (R, N),

so the penalty is a quadratic form in the w with blocks (m − 1)·Z_vZ_vᵀ and −Z_vZ_wᵀ, all (R, R).
ε = 1e-3 of the mean variance. The penalty is scaled to the trace of the within-class scatter, so
that λ means the same for any collection. Rows must belong together: by rows, or by class
(``pairing``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from benchmarks.peers.linear import LinearPeer, leading, split_rows
from benchmarks.peers.pairing import pair_rows
from benchmarks.peers.peer import Point, Task
from benchmarks.peers.scatter import pooled_scatter
from benchmarks.peers.views import FloatArray

_EPSILON = 1e-3


@dataclass(frozen=True, kw_only=True)
class MvDAVC(LinearPeer):
    """Grid: weight λ of view consistency; the ridge is MvDA's default."""

    name: ClassVar[str] = "mvda-vc"
    paper: ClassVar[str] = "Kan et al., PAMI 2016"
    needs_pairs: ClassVar[bool] = True

    grid: tuple[Point, ...] = (
        {"lambda": 0.1, "ridge": 0.1},
        {"lambda": 0.01, "ridge": 0.1},
        {"lambda": 1.0, "ridge": 0.1},
        {"lambda": 10.0, "ridge": 0.1},
    )

    def solve(self, task: Task) -> Mapping[str, FloatArray]:
        """C − 1 directions."""
        views = task.train
        within, between = pooled_scatter(views, task.classes)
        pairs = pair_rows(views.labels, task.seed)
        penalty = view_consistency([views.features[name][pairs[name]] for name in views.modalities])
        penalty *= np.trace(within) / max(float(np.trace(penalty)), 1e-300)
        constraint = (
            within + task.point["lambda"] * penalty + task.point["ridge"] * np.eye(len(within))
        )
        _, vectors = leading(between, constraint, task.classes - 1)
        widths = [views.features[name].shape[1] for name in views.modalities]
        return dict(zip(views.modalities, split_rows(vectors, widths), strict=True))


def view_consistency(rows: list[FloatArray]) -> FloatArray:
    """The matrix M with wᵀMw = Σ_{v<w} ‖β_v − β_w‖², (ΣR, ΣR), of aligned rows (N, R)."""
    inverses = [np.linalg.inv(x.T @ x + _EPSILON * len(x) * np.eye(x.shape[1])) for x in rows]
    views = len(rows)
    return np.block(
        [
            [
                ((views - 1) if i == j else -1) * a @ (x.T @ y) @ b
                for j, (b, y) in enumerate(zip(inverses, rows, strict=True))
            ]
            for i, (a, x) in enumerate(zip(inverses, rows, strict=True))
        ]
    )
