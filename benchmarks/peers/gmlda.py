"""GMLDA: generalized multiview linear discriminant analysis.

Sharma, Kumar, Daumé and Jacobs, Generalized multiview analysis, CVPR 2012, equation (7) with LDA
inside each view and class means across views, one eigenproblem:

    μ_v·B_v·W_v + λ·Σ_{w≠v} M_v M_wᵀ·W_w = ρ·(γ_v·S_v + κI)·W_v

B_v and S_v are the between- and within-class scatter of a view, M_v (R, C) its class means, so no
pairs are needed. As the authors' code: μ = 1, γ_v = tr S_1 / tr S_v, rows centred. Different: here
B and S are means over samples and M Mᵀ over classes, so λ = 1 weighs the two terms alike whatever
the number of samples (the code sums, and calls λ = 10 its default). C − 1 directions are kept. For
one view this is LDA.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from benchmarks.peers.linear import LinearPeer, block_diagonal, leading, split_rows
from benchmarks.peers.peer import Point, Task
from benchmarks.peers.scatter import pooled_scatter
from benchmarks.peers.views import FloatArray, one_hot


@dataclass(frozen=True, kw_only=True)
class GMLDA(LinearPeer):
    """Grid: weight λ of the class means across views, and ridge κ."""

    name: ClassVar[str] = "gmlda"
    paper: ClassVar[str] = "Sharma et al., CVPR 2012"

    grid: tuple[Point, ...] = (
        {"lambda": 1.0, "ridge": 0.1},
        {"lambda": 10.0, "ridge": 0.1},
        {"lambda": 100.0, "ridge": 0.1},
        {"lambda": 1.0, "ridge": 0.001},
        {"lambda": 10.0, "ridge": 0.001},
        {"lambda": 100.0, "ridge": 0.001},
    )

    def solve(self, task: Task) -> Mapping[str, FloatArray]:
        """C − 1 directions."""
        views = task.train
        betweens, withins, means = [], [], []
        for name in views.modalities:
            within, between = pooled_scatter(views.only([name]), task.classes)
            onehot_NC = one_hot(views.labels[name], task.classes)
            counts_C = np.maximum(onehot_NC.sum(axis=0), 1)
            means.append((onehot_NC / counts_C).T @ views.features[name])
            withins.append(within)
            betweens.append(between)
        traces = [max(float(np.trace(within)), 1e-12) for within in withins]
        constraint = block_diagonal(
            [within * traces[0] / trace for within, trace in zip(withins, traces, strict=True)]
        )
        across = np.concatenate(means, axis=1)
        across = across.T @ across / task.classes
        widths = [mean.shape[1] for mean in means]
        own = block_diagonal([mean.T @ mean / task.classes for mean in means])
        objective = block_diagonal(betweens) + task.point["lambda"] * (across - own)
        _, vectors = leading(
            objective, constraint + task.point["ridge"] * np.eye(len(constraint)), task.classes - 1
        )
        return dict(zip(views.modalities, split_rows(vectors, widths), strict=True))
