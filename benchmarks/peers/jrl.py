"""JRL: joint representation learning with sparse and graph regularisation, made inductive.

Zhai, Peng and Xiao, Learning cross-media joint representation with sparse and semisupervised
regularization, TCSVT 2014, equation (6): projections P_v (R, C) to the label space minimise

    Σ_v ‖X_vP_v − Y_v‖² + λ‖X̃_1P_1 − X̃_2P_2‖² + σ·Σ_v tr(P_vᵀX_vᵀL_vX_vP_v) + γ·Σ_v ‖P_v‖_2,1

(X̃ are the paired rows), by closed forms in turn with ‖·‖_2,1 re-weighted. Reduced, and why:

- the authors put *test* features into the graph and rank by a vote of training neighbours; here
  the graph has training rows only, and codes XP are ranked by the cosine, as those of every other
  method;
- their graph is dense, N×N; here it has 100 neighbours a row, 0/1 weights, symmetric, with the
  normalised Laplacian (their code normalises by the sparse degrees, then uses the dense kernel);
- terms are means over samples, so γ and σ do not depend on N (their γ = σ = 1000 are sums over
  2173 rows: about 0.5 of ours for γ, 1000 for σ, which weighs X_vᵀL_vX_v against X_vᵀX_v as it
  stands);
- it starts from ridge regression instead of random numbers, and so has no seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse
from sklearn.neighbors import kneighbors_graph

from benchmarks.peers.linear import LinearPeer
from benchmarks.peers.pairing import pair_rows
from benchmarks.peers.peer import Point, Task
from benchmarks.peers.views import FloatArray, Views, one_hot

NEIGHBOURS = 100
_ROUNDS = 10
_ENOUGH = 1e-4  # relative fall of the objective below which the rounds end
_GUARD = 1e-6  # a row of P without length would get an infinite weight


@dataclass(frozen=True, eq=False)
class Problem:
    """The matrices of the objective, for two views."""

    grams: tuple[FloatArray, FloatArray]
    graphs: tuple[FloatArray, FloatArray]
    paired: tuple[FloatArray, FloatArray]
    cross: FloatArray
    targets: tuple[FloatArray, FloatArray]
    energies: tuple[float, float]

    def objective(self, p: list[FloatArray], point: Point) -> float:
        """The value that falls from round to round."""
        value = 0.0
        for v in range(2):
            value += float(np.sum(p[v] * (self.grams[v] @ p[v])))
            value += self.energies[v] - 2 * float(np.sum(p[v] * self.targets[v]))
            value += point["sigma"] * float(np.sum(p[v] * (self.graphs[v] @ p[v])))
            value += point["gamma"] * float(np.sqrt((p[v] ** 2).sum(axis=1) + _GUARD**2).sum())
            value += point["lambda"] * float(np.sum(p[v] * (self.paired[v] @ p[v])))
        return value - 2 * point["lambda"] * float(np.sum(p[0] * (self.cross @ p[1])))


@dataclass(frozen=True, kw_only=True)
class JRL(LinearPeer):
    """Grid: sparsity γ and graph weight σ; λ = 1 as published."""

    name: ClassVar[str] = "jrl"
    paper: ClassVar[str] = "Zhai et al., TCSVT 2014"
    needs_pairs: ClassVar[bool] = True
    two_views: ClassVar[bool] = True

    grid: tuple[Point, ...] = (
        {"gamma": 0.1, "sigma": 1.0, "lambda": 1.0},
        {"gamma": 0.01, "sigma": 1.0, "lambda": 1.0},
        {"gamma": 0.5, "sigma": 1000.0, "lambda": 1.0},
    )

    def solve(self, task: Task) -> Mapping[str, FloatArray]:
        """P of each view, (R, C)."""
        views = task.train
        problem = make_problem(views, task.classes, task.seed)
        p = descend(problem, task.point)[0]
        return dict(zip(views.modalities, p, strict=True))


def make_problem(views: Views, classes: int, seed: int) -> Problem:
    """All matrices, as means over samples or pairs."""
    x = [views.features[name] for name in views.modalities]
    y = [one_hot(views.labels[name], classes) for name in views.modalities]
    pairs = pair_rows(views.labels, seed)
    t = [views.features[name][pairs[name]] for name in views.modalities]
    return Problem(
        grams=(x[0].T @ x[0] / len(x[0]), x[1].T @ x[1] / len(x[1])),
        graphs=(smoothness(x[0]) / len(x[0]), smoothness(x[1]) / len(x[1])),
        paired=(t[0].T @ t[0] / len(t[0]), t[1].T @ t[1] / len(t[1])),
        cross=t[0].T @ t[1] / len(t[0]),
        targets=(x[0].T @ y[0] / len(x[0]), x[1].T @ y[1] / len(x[1])),
        energies=(float((y[0] ** 2).sum() / len(y[0])), float((y[1] ** 2).sum() / len(y[1]))),
    )


def smoothness(x_NR: FloatArray) -> FloatArray:
    """XᵀLX with the normalised Laplacian of the graph of nearest neighbours, (R, R)."""
    neighbours = min(NEIGHBOURS, len(x_NR) - 1)
    graph = kneighbors_graph(x_NR, neighbours, mode="connectivity")
    graph = ((graph + graph.T) > 0).astype(np.float64)
    scale = sparse.diags(1 / np.sqrt(np.asarray(graph.sum(axis=1)).ravel()))
    return np.asarray(x_NR.T @ x_NR - x_NR.T @ (scale @ graph @ scale @ x_NR))


def descend(problem: Problem, point: Point) -> tuple[list[FloatArray], list[float]]:
    """The projections, and the objective before the first and after each round."""
    p = [
        np.linalg.solve(gram + point["gamma"] * np.eye(len(gram)), target)
        for gram, target in zip(problem.grams, problem.targets, strict=True)
    ]
    course = [problem.objective(p, point)]
    for _ in range(_ROUNDS):
        for v in range(2):
            cross = problem.cross if v == 0 else problem.cross.T
            weights_R = 0.5 / np.sqrt((p[v] ** 2).sum(axis=1) + _GUARD**2)
            system = (
                problem.grams[v]
                + point["lambda"] * problem.paired[v]
                + point["sigma"] * problem.graphs[v]
                + point["gamma"] * np.diag(weights_R)
            )
            right = problem.targets[v] + point["lambda"] * cross @ p[1 - v]
            p[v] = np.linalg.solve(system, right)
        course.append(problem.objective(p, point))
        if course[-2] - course[-1] < _ENOUGH * abs(course[-2]):
            break
    return p, course
