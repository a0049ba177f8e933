"""GSS-SL, reduced to its supervised part: label regression, label graph, structured sparsity.

Zhang, Ma, Li, Huang and Tian, Generalized semi-supervised and structured subspace learning for
cross-modal retrieval, TMM 2018. The paper alternates between predicting the labels of unlabelled
samples through a label graph and regressing each view on them. All samples are labelled here (those
that are not are left out), so what remains is convex:

    Σ_v ‖X_vW_v − Y_v‖²/N_v + β·tr(FᵀLF) + α·Σ_v ‖W_v‖_2,1,    F = the X_vW_v stacked.

L = D − S joins all samples of all views, S_ij = ŷ_iᵀŷ_j the cosine of their label vectors,
divided by the mean degree and the number of samples. S has rank C, so nothing N×N is needed. One
linear system for all views, solved again while ‖·‖_2,1 is re-weighted. **A stand-in**, written
from the description above and not from code (none is public): its figures are not the paper's
method to the letter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from benchmarks.peers.linear import LinearPeer, block_diagonal, split_rows
from benchmarks.peers.peer import Point, Task
from benchmarks.peers.views import FloatArray, Views, one_hot

_ROUNDS = 8
_GUARD = 1e-6  # a row of W without length would get an infinite weight


@dataclass(frozen=True, eq=False)
class Problem:
    """The stacked matrices of the objective: (ΣR, ΣR), (ΣR, ΣR), (ΣR, C) and Σ_v ‖Y_v‖²/N_v."""

    gram: FloatArray
    graph: FloatArray
    target: FloatArray
    energy: float

    def objective(self, w: FloatArray, point: Point) -> float:
        """The value that falls from round to round."""
        smooth = point["beta"] * float(np.sum(w * (self.graph @ w)))
        fit = float(np.sum(w * (self.gram @ w)) - 2 * np.sum(w * self.target)) + self.energy
        sparse = point["alpha"] * float(np.sqrt((w**2).sum(axis=1) + _GUARD**2).sum())
        return fit + smooth + sparse


@dataclass(frozen=True, kw_only=True)
class GSSSL(LinearPeer):
    """Grid: sparsity α and weight β of the label graph."""

    name: ClassVar[str] = "gss-sl-reduced"
    paper: ClassVar[str] = "Zhang et al., TMM 2018"
    multi_label: ClassVar[bool] = True

    grid: tuple[Point, ...] = (
        {"alpha": 0.1, "beta": 0.1},
        {"alpha": 0.01, "beta": 0.1},
        {"alpha": 0.1, "beta": 1.0},
        {"alpha": 0.01, "beta": 1.0},
    )

    def solve(self, task: Task) -> Mapping[str, FloatArray]:
        """W of each view, (R, C)."""
        views = task.train
        w = descend(make_problem(views, task.classes), task.point)[0]
        widths = [views.features[name].shape[1] for name in views.modalities]
        return dict(zip(views.modalities, split_rows(w, widths), strict=True))


def make_problem(views: Views, classes: int) -> Problem:
    """The matrices, from sums over samples."""
    x = [views.features[name] for name in views.modalities]
    y = [one_hot(views.labels[name], classes) for name in views.modalities]
    unit = [a / np.sqrt(np.maximum((a**2).sum(axis=1), 1))[:, None] for a in y]
    total_C = np.sum([u.sum(axis=0) for u in unit], axis=0)
    degrees = [u @ total_C for u in unit]
    samples = sum(map(len, x))
    mean_degree = sum(float(d.sum()) for d in degrees) / samples
    linked = np.concatenate([a.T @ u for a, u in zip(x, unit, strict=True)])
    own = block_diagonal([(a * d[:, None]).T @ a for a, d in zip(x, degrees, strict=True)])
    return Problem(
        gram=block_diagonal([a.T @ a / len(a) for a in x]),
        graph=(own - linked @ linked.T) / (mean_degree * samples),
        target=np.concatenate([a.T @ b / len(a) for a, b in zip(x, y, strict=True)]),
        energy=sum(float((b**2).sum() / len(b)) for b in y),
    )


def descend(problem: Problem, point: Point) -> tuple[FloatArray, list[float]]:
    """The stacked weights, and the objective after each round."""
    system = problem.gram + point["beta"] * problem.graph
    w = np.linalg.solve(system + point["alpha"] * np.eye(len(system)), problem.target)
    course = [problem.objective(w, point)]
    for _ in range(_ROUNDS):
        weights_R = 0.5 / np.sqrt((w**2).sum(axis=1) + _GUARD**2)
        w = np.linalg.solve(system + point["alpha"] * np.diag(weights_R), problem.target)
        course.append(problem.objective(w, point))
    return w, course
