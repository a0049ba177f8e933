"""ACMR: adversarial cross-modal retrieval.

Wang, Yang, Xu, Hanjalic and Shen, Adversarial cross-modal retrieval, ACM MM 2017. The feature
projectors minimise α·L_imi + L_imd − L_adv, equations (1) to (9):

- L_imd: one label classifier on both views' codes, cross-entropy;
- L_imi: for each anchor the distance to its partner in the other view, plus λ times the hinge
  max(0, μ − distance) to items of the other view without a common class; both directions. Here
  the hinge is a mean over all of them in the batch, where the paper draws one;
- L_adv: the cross-entropy of a modality classifier, reached through a gradient reversal whose
  strength rises as 2/(1 + e^{-10p}) − 1 with training progress p.

Codes are 40-d tanh as in the released TensorFlow code, of which nothing else is taken: the file
that circulates sums entries where it means squared distances. Several labels: each of k has share
1/k.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from benchmarks.peers.deep import Batch, DeepPeer, label_loss
from benchmarks.peers.networks import Towers, reversed_gradient
from benchmarks.peers.peer import Point, Task
from sdml.networks import Encoder, linear

MARGIN = 1.0
HINGE = 0.1  # λ
_GUARD = 1e-12


class Model(nn.Module):
    """Two towers, a label classifier and a modality classifier."""

    def __init__(
        self,
        widths: Mapping[str, int],
        hidden: tuple[int, ...],
        code: int,
        classes: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self._towers = Towers(widths, hidden, code, generator)
        self.labels = linear(code, classes, generator)
        self.modality = Encoder(code, (code, code // 2), 2, normalize=False, generator=generator)

    def forward(self, modality: str, features_BD: Tensor) -> Tensor:
        """Codes in (−1, 1)."""
        codes: Tensor = self._towers(modality, features_BD)
        return codes.tanh()


@dataclass(frozen=True, kw_only=True)
class ACMR(DeepPeer):
    """Grid: weight α of modality invariance."""

    name: ClassVar[str] = "acmr"
    paper: ClassVar[str] = "Wang et al., ACM MM 2017"
    needs_pairs: ClassVar[bool] = True
    two_views: ClassVar[bool] = True
    multi_label: ClassVar[bool] = True

    grid: tuple[Point, ...] = ({"alpha": 0.1}, {"alpha": 0.01})
    code: int = 40

    def build(self, task: Task, generator: torch.Generator) -> Any:
        """Projectors and both classifiers."""
        return Model(task.widths, self.hidden, self.code, task.classes, generator)

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """α·L_imi + L_imd, and L_adv whose gradient is reversed for the projectors."""
        (first, x), (second, z) = batch.features.items()
        x, z = model(first, x), model(second, z)
        targets_x, targets_z = batch.targets[first], batch.targets[second]
        discrimination = label_loss(model.labels(x), targets_x) + label_loss(
            model.labels(z), targets_z
        )
        invariance = triplets(x, z, targets_x, targets_z)
        strength = 2 / (1 + math.exp(-10 * batch.progress)) - 1
        logits = model.modality(reversed_gradient(torch.cat([x, z]), strength))
        sides = torch.tensor([0] * len(x) + [1] * len(z))
        adversary = nn.functional.cross_entropy(logits, sides)
        return batch.point["alpha"] * invariance + discrimination + adversary


def triplets(x_BK: Tensor, z_BK: Tensor, yx_BC: Tensor, yz_BC: Tensor) -> Tensor:
    """L_imi, a scalar: partners are rows of one number."""
    distance_BB = ((x_BK[:, None] - z_BK[None]).square().sum(dim=2) + _GUARD).sqrt()
    foreign_BB = (yx_BC @ yz_BC.T == 0).to(x_BK.dtype)
    hinge_BB = (MARGIN - distance_BB).clamp(min=0) * foreign_BB
    to_z = (hinge_BB.sum(dim=1) / foreign_BB.sum(dim=1).clamp(min=1)).mean()
    to_x = (hinge_BB.sum(dim=0) / foreign_BB.sum(dim=0).clamp(min=1)).mean()
    return 2 * distance_BB.diagonal().mean() + HINGE * (to_z + to_x)
