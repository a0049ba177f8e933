"""MCCA: canonical correlation of several views, the sum of pairwise correlations (SUMCOR).

Rupnik and Shawe-Taylor, Multi-view canonical correlation analysis, SiKDD 2010, equation (3) with
the constraint summed over views (Nielsen, IEEE TIP 2002, case 4), one eigenproblem:

    Σ_{w≠v} C_vw·W_w = ρ·(C_vv + κI)·W_v    for every view v.

For two views this is CCA with a ridge, ρ the canonical correlations. Labels are not used, but for
pairing rows that are not aligned (``pairing``). The directions with ρ > 0 are kept, as many of
them as validation says. cca-zoo has it too, but would be one more dependency for an eigenproblem.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from benchmarks.peers.linear import LinearPeer, block_diagonal, leading, split_rows
from benchmarks.peers.pairing import pair_rows
from benchmarks.peers.peer import Point, Task
from benchmarks.peers.views import FloatArray


@dataclass(frozen=True, kw_only=True)
class MCCA(LinearPeer):
    """SUMCOR; grid: ridge κ and code size."""

    name: ClassVar[str] = "mcca"
    paper: ClassVar[str] = "Rupnik & Shawe-Taylor, SiKDD 2010"
    needs_pairs: ClassVar[bool] = True
    multi_label: ClassVar[bool] = True

    grid: tuple[Point, ...] = ({"ridge": 0.1}, {"ridge": 0.01}, {"ridge": 1.0}, {"ridge": 10.0})
    dimensions: tuple[int, ...] = (10, 5, 20, 50)

    def solve(self, task: Task) -> Mapping[str, FloatArray]:
        """Directions of pairs, by falling correlation."""
        views = task.train
        pairs = pair_rows(views.labels, task.seed)
        rows = [views.features[name][pairs[name]] for name in views.modalities]
        weights = canonical(rows, task.point["ridge"], max(self.dimensions))[1]
        return dict(zip(views.modalities, weights, strict=True))


def canonical(
    rows: list[FloatArray], ridge: float, count: int
) -> tuple[FloatArray, list[FloatArray]]:
    """Correlations ρ > 0, downwards, and the directions (R, K) of each view; at least one.

    Args:
        rows: (N, R) of each view, row i of all of them one item.
        ridge: κ.
        count: the most directions wanted.
    """
    stacked = np.concatenate([x - x.mean(axis=0) for x in rows], axis=1)
    covariance = stacked.T @ stacked / len(stacked)
    widths = [x.shape[1] for x in rows]
    columns = np.split(covariance, np.cumsum(widths)[:-1], axis=1)
    own = block_diagonal([split_rows(part, widths)[v] for v, part in enumerate(columns)])
    values, vectors = leading(covariance - own, own + ridge * np.eye(len(own)), count)
    kept = max(1, int((values > 1e-10).sum()))
    return values[:kept], split_rows(vectors[:, :kept], widths)
