"""MvDA: multi-view discriminant analysis, one Fisher ratio over all views' projected samples.

Kan, Shan, Zhang, Lao and Chen, Multi-view discriminant analysis, ECCV 2012 and PAMI 2016,
equation (11): the directions maximise tr(WᵀSW) / tr(WᵀDW), S and D the between- and within-class
scatter of the pooled projections (``scatter``). Their ratio-trace form is one eigenproblem,
S·W = ρ·(D + κI)·W. No pairs are needed. Different: views are centred first, since a linear map
cannot shift them. C − 1 directions are kept. For one view this is LDA.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from benchmarks.peers.linear import LinearPeer, leading, split_rows
from benchmarks.peers.peer import Point, Task
from benchmarks.peers.scatter import pooled_scatter
from benchmarks.peers.views import FloatArray


@dataclass(frozen=True, kw_only=True)
class MvDA(LinearPeer):
    """Grid: ridge κ."""

    name: ClassVar[str] = "mvda"
    paper: ClassVar[str] = "Kan et al., PAMI 2016"

    grid: tuple[Point, ...] = ({"ridge": 0.1}, {"ridge": 0.01}, {"ridge": 1.0}, {"ridge": 10.0})

    def solve(self, task: Task) -> Mapping[str, FloatArray]:
        """C − 1 directions."""
        views = task.train
        within, between = pooled_scatter(views, task.classes)
        _, vectors = leading(
            between, within + task.point["ridge"] * np.eye(len(within)), task.classes - 1
        )
        widths = [views.features[name].shape[1] for name in views.modalities]
        return dict(zip(views.modalities, split_rows(vectors, widths), strict=True))
