"""DCCA: deep canonical correlation analysis of two views.

Andrew, Arora, Bilmes and Livescu, Deep canonical correlation analysis, ICML 2013, equations (9)
to (11): two networks maximise the total correlation of their outputs, the trace norm of T =
Σ₁₁^{-½}Σ₁₂Σ₂₂^{-½} with Σ_vv + rI on a large batch; then linear CCA of the outputs of all
training rows gives the codes. Here T is formed with Cholesky factors, L₁⁻¹Σ₁₂L₂⁻ᵀ, which has the
same singular values and finite gradients where eigenvalues meet. Labels serve to pair rows that
are not aligned, and to select the epoch on validation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from benchmarks.peers.deep import Batch, DeepPeer, forward
from benchmarks.peers.linear import Linear
from benchmarks.peers.mcca import canonical
from benchmarks.peers.networks import Towers
from benchmarks.peers.pairing import pair_rows
from benchmarks.peers.peer import Map, Point, Task, chain


@dataclass(frozen=True, kw_only=True)
class DCCA(DeepPeer):
    """Grid: r, of training and of the final CCA."""

    name: ClassVar[str] = "dcca"
    paper: ClassVar[str] = "Andrew et al., ICML 2013"
    needs_pairs: ClassVar[bool] = True
    two_views: ClassVar[bool] = True
    multi_label: ClassVar[bool] = True

    grid: tuple[Point, ...] = ({"ridge": 0.01}, {"ridge": 0.0001})
    code: int = 20
    batch_size: int = 500

    def build(self, task: Task, generator: torch.Generator) -> Any:
        """Two towers."""
        return Towers(task.widths, self.hidden, self.code, generator)

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """Minus the total correlation."""
        first, second = (self.towers(model)(n, x) for n, x in batch.features.items())
        return -total_correlation(first, second, batch.point["ridge"])

    def finish(self, model: Any, task: Task) -> Mapping[str, Map]:
        """Linear CCA on the outputs."""
        outputs = {name: forward(self.towers(model), name) for name in task.train.modalities}
        pairs = pair_rows(task.train.labels, task.seed)
        rows = [
            outputs[n](task.train.features[n][pairs[n]]).astype(float)
            for n in task.train.modalities
        ]
        weights = canonical(rows, task.point["ridge"], self.code)[1]
        return {
            name: chain(outputs[name], Linear(x.mean(axis=0), w))
            for name, x, w in zip(task.train.modalities, rows, weights, strict=True)
        }


def total_correlation(first_BK: Tensor, second_BK: Tensor, ridge: float) -> Tensor:
    """The sum of the canonical correlations of two outputs on a batch, in float64."""
    x, y = (rows.double() - rows.double().mean(dim=0) for rows in (first_BK, second_BK))
    degrees = max(len(x) - 1, 1)
    eye_x, eye_y = (torch.eye(r.shape[1], dtype=r.dtype) for r in (x, y))
    root_x = torch.linalg.cholesky(x.T @ x / degrees + ridge * eye_x)
    root_y = torch.linalg.cholesky(y.T @ y / degrees + ridge * eye_y)
    half = torch.linalg.solve_triangular(root_x, x.T @ y / degrees, upper=False)
    whole = torch.linalg.solve_triangular(root_y, half.T, upper=False)
    total: Tensor = torch.linalg.svdvals(whole).sum()
    return total
