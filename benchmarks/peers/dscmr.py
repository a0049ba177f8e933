"""DSCMR: deep supervised cross-modal retrieval.

Zhen, Hu, Wang and Peng, Deep supervised cross-modal retrieval, CVPR 2019, equations (1) to (6) in
the form of the released code: J = J₁ + λ·J₂ + η·J₃ with un-squared norms,

- J₁: mean ‖Pᵀu − y‖ + mean ‖Pᵀv − y‖, P a linear classifier shared by both views;
- J₂: with Γ = ½cos, mean of log(1 + e^Γ) − SΓ over all pairs across and inside the views; S is
  the inner product of the label vectors, as in the code (the paper writes an indicator; one
  label: the same);
- J₃: mean ‖u − v‖ over pairs.

Networks as there: D-2048 with ReLU for each view, one linear layer 2048-1024 for both; Adam (0.5,
0.999), 1e-4, batches of 100. The released code picks the best epoch on the *test* split; here on
validation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, softplus

from benchmarks.peers.deep import Batch, DeepPeer
from benchmarks.peers.networks import Towers
from benchmarks.peers.peer import Point, Task
from sdml.networks import linear

_GUARD = 1e-20


class Model(nn.Module):
    """Two towers with a shared last layer, and the shared classifier."""

    def __init__(
        self,
        widths: Mapping[str, int],
        hidden: tuple[int, ...],
        code: int,
        classes: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.towers = Towers(widths, hidden, code, generator, shared_top=True)
        self.classifier = linear(code, classes, generator)


@dataclass(frozen=True, kw_only=True)
class DSCMR(DeepPeer):
    """Grid: λ and η; the first point is the published one."""

    name: ClassVar[str] = "dscmr"
    paper: ClassVar[str] = "Zhen et al., CVPR 2019"
    needs_pairs: ClassVar[bool] = True
    two_views: ClassVar[bool] = True
    multi_label: ClassVar[bool] = True

    grid: tuple[Point, ...] = (
        {"lambda": 1e-3, "eta": 1e-1},
        {"lambda": 1e-1, "eta": 1e-1},
        {"lambda": 1e-3, "eta": 1e-2},
    )
    hidden: tuple[int, ...] = (2048,)
    code: int = 1024

    def build(self, task: Task, generator: torch.Generator) -> Any:
        """Towers and classifier."""
        return Model(task.widths, self.hidden, self.code, task.classes, generator)

    def towers(self, model: Any) -> Any:
        """The encoders."""
        return model.towers

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """J."""
        (first, x), (second, z) = batch.features.items()
        u, v = model.towers(first, x), model.towers(second, z)
        yu, yv = batch.targets[first], batch.targets[second]
        labels = _norms(model.classifier(u) - yu) + _norms(model.classifier(v) - yv)
        likelihood = (
            pair_likelihood(u, u, yu, yu)
            + pair_likelihood(u, v, yu, yv)
            + pair_likelihood(v, v, yv, yv)
        )
        return labels + batch.point["lambda"] * likelihood + batch.point["eta"] * _norms(u - v)


def pair_likelihood(u_BK: Tensor, v_BK: Tensor, yu_BC: Tensor, yv_BC: Tensor) -> Tensor:
    """One term of J₂, a scalar."""
    gamma_BB = normalize(u_BK, dim=1) @ normalize(v_BK, dim=1).T / 2
    return (softplus(gamma_BB) - (yu_BC @ yv_BC.T) * gamma_BB).mean()


def _norms(rows_BK: Tensor) -> Tensor:
    return (rows_BK.square().sum(dim=1) + _GUARD).sqrt().mean()
