"""CMPM + CMPC: cross-modal projection matching and classification.

Zhang and Lu, Deep cross-modal projection learning for image-text matching, ECCV 2018. Matching,
equations (1) to (5): with z̄ = z/‖z‖, p_ij = softmax_j(x_iᵀz̄_j) and q_ij = y_ij / Σ_k y_ik, the
divergence Σ_j p_ij·log(p_ij / (q_ij + ε)), both directions added. Classification, equations (7)
to (11): the projection of x on its partner, (x_iᵀz̄_i)·z̄_i, through a softmax with unit-norm
class weights, and the same for z. Samples match when they share a class. Different: the networks
stand on features, not on pixels and words; with several labels the softmax's target gives each of
k labels 1/k.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from benchmarks.peers.deep import Batch, DeepPeer, label_loss
from benchmarks.peers.networks import Towers
from benchmarks.peers.peer import Point, Task
from sdml.networks import linear

_EPSILON = 1e-8


class Model(nn.Module):
    """Two towers, and the class weights (C, K)."""

    def __init__(
        self,
        widths: Mapping[str, int],
        hidden: tuple[int, ...],
        code: int,
        classes: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.towers = Towers(widths, hidden, code, generator)
        self.classes = nn.Parameter(linear(code, classes, generator).weight.detach().clone())


@dataclass(frozen=True, kw_only=True)
class CMPM(DeepPeer):
    """Grid: learning rate (published: 2e-4); the two losses are added, as published."""

    name: ClassVar[str] = "cmpm+cmpc"
    paper: ClassVar[str] = "Zhang & Lu, ECCV 2018"
    needs_pairs: ClassVar[bool] = True
    two_views: ClassVar[bool] = True
    multi_label: ClassVar[bool] = True

    grid: tuple[Point, ...] = ({"learning_rate": 2e-4}, {"learning_rate": 5e-5})

    def build(self, task: Task, generator: torch.Generator) -> Any:
        """Two towers and the class weights."""
        return Model(task.widths, self.hidden, self.code, task.classes, generator)

    def towers(self, model: Any) -> Any:
        """The encoders."""
        return model.towers

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """Matching and classification, both directions."""
        (first, x), (second, z) = batch.features.items()
        x, z = model.towers(first, x), model.towers(second, z)
        targets_x, targets_z = batch.targets[first], batch.targets[second]
        matching = projection_matching(x, z, targets_x, targets_z)
        return matching + projection_classification(x, z, targets_x, targets_z, model.classes)


def projection_matching(x_BK: Tensor, z_BK: Tensor, yx_BC: Tensor, yz_BC: Tensor) -> Tensor:
    """CMPM, a scalar."""
    match_BB = (yx_BC @ yz_BC.T > 0).to(x_BK.dtype)
    return _divergence(x_BK, z_BK, match_BB) + _divergence(z_BK, x_BK, match_BB.T)


def projection_classification(
    x_BK: Tensor, z_BK: Tensor, yx_BC: Tensor, yz_BC: Tensor, classes_CK: Tensor
) -> Tensor:
    """CMPC, a scalar."""
    weights_CK = normalize(classes_CK, dim=1)
    return label_loss(_projected(x_BK, z_BK) @ weights_CK.T, yx_BC) + label_loss(
        _projected(z_BK, x_BK) @ weights_CK.T, yz_BC
    )


def _divergence(x_BK: Tensor, z_BK: Tensor, match_BB: Tensor) -> Tensor:
    log_p_BB = (x_BK @ normalize(z_BK, dim=1).T).log_softmax(dim=1)
    q_BB = match_BB / match_BB.sum(dim=1, keepdim=True).clamp(min=1)
    return (log_p_BB.exp() * (log_p_BB - (q_BB + _EPSILON).log())).sum(dim=1).mean()


def _projected(x_BK: Tensor, z_BK: Tensor) -> Tensor:
    unit_BK = normalize(z_BK, dim=1)
    return (x_BK * unit_BK).sum(dim=1, keepdim=True) * unit_BK
