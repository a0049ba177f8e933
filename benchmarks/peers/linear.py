"""What the linear methods share: reduction of a view, eigenproblems, selection over a grid.

Every view is centred on its training mean, rotated to its principal components (512 at most, and
none below 1e-8 of the largest variance) and divided by one number, so that the mean variance of
the kept components is 1. Without the first the scatter matrices would be singular (4096 features
of 2173 samples; topics that sum to one); with the last a ridge κ means κ·mean(diag) for each view.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy.linalg import eigh

from benchmarks.peers.peer import Peer, Point, Projector, Task
from benchmarks.peers.scoring import validation_map
from benchmarks.peers.views import FloatArray, Views

COMPONENTS = 512
_RELATIVE = 1e-8
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Linear:
    """x ↦ (x − mean)·W."""

    mean_D: FloatArray
    weight_DK: FloatArray

    def __call__(self, features_ND: FloatArray) -> FloatArray:
        """Codes (N, K), float64."""
        return np.asarray((features_ND - self.mean_D) @ self.weight_DK)

    def then(self, weight_RK: FloatArray) -> Linear:
        """Followed by another matrix."""
        return Linear(self.mean_D, self.weight_DK @ weight_RK)


def reduction(features_ND: FloatArray) -> Linear:
    """The centring, rotation and scaling of one view, fitted on its training rows."""
    mean_D = features_ND.mean(axis=0, dtype=np.float64)
    covariance_DD = np.zeros((features_ND.shape[1],) * 2)
    for start in range(0, len(features_ND), _BLOCK):
        rows = features_ND[start : start + _BLOCK] - mean_D
        covariance_DD += rows.T @ rows
    values, vectors = eigh(covariance_DD / len(features_ND))
    values, vectors = values[::-1][:COMPONENTS], vectors[:, ::-1][:, :COMPONENTS]
    kept = values > _RELATIVE * max(values[0], np.finfo(float).tiny)
    if not kept.any():
        kept[0] = True  # a view without variance: one component that is always zero
    scale = np.sqrt(max(values[kept].mean(), np.finfo(float).tiny))
    return Linear(mean_D, vectors[:, kept] / scale)


def leading(a: FloatArray, b: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
    """The largest eigenvalues of a·w = ρ·b·w, downwards, and their vectors with wᵀbw = 1."""
    size = len(a)
    count = max(1, min(count, size))
    values, vectors = eigh(
        (a + a.T) / 2, (b + b.T) / 2, subset_by_index=(size - count, size - 1), driver="gvx"
    )
    return values[::-1], vectors[:, ::-1]


def split_rows(stacked: FloatArray, widths: Sequence[int]) -> list[FloatArray]:
    """The rows of each view in a stacked matrix."""
    return np.split(stacked, np.cumsum(widths)[:-1])


def block_diagonal(blocks: Sequence[FloatArray]) -> FloatArray:
    """Matrices along the diagonal, zeros elsewhere."""
    return np.block(
        [
            [b if i == j else np.zeros((len(a), len(b))) for j, b in enumerate(blocks)]
            for i, a in enumerate(blocks)
        ]
    )


@dataclass(frozen=True, kw_only=True)
class LinearPeer(Peer):
    """A method whose codes are linear in the features.

    Attributes:
        grid: hyper-parameters to choose from; the first is the default.
        dimensions: code sizes to choose from; empty keeps all directions.
    """

    grid: tuple[Point, ...]
    dimensions: tuple[int, ...] = ()

    def quick(self) -> Self:
        """One point, one code size."""
        return replace(self, grid=self.grid[:1], dimensions=self.dimensions[:1])

    @abstractmethod
    def solve(self, task: Task) -> Mapping[str, FloatArray]:
        """The matrix (R, K) of each view of a task with reduced views. Columns by importance."""

    def _fit(self, train: Views, validation: Views, classes: int, seed: int) -> Projector:
        reductions = {name: reduction(x) for name, x in train.features.items()}
        reduced = Views(
            features={name: reductions[name](x) for name, x in train.features.items()},
            labels=train.labels,
        )
        best: tuple[float, Projector] | None = None
        for point in self.grid:
            task = Task(train=reduced, classes=classes, seed=seed, point=point)
            weights = self.solve(task)
            full = next(iter(weights.values())).shape[1]
            for size in sorted({min(full, d) for d in self.dimensions or (full,)}):
                chosen: dict[str, Any] = {**point, "dimension": size}
                projector = Projector(
                    maps={n: reductions[n].then(w[:, :size]) for n, w in weights.items()},
                    chosen=chosen,
                )
                if len(self.grid) * max(1, len(self.dimensions)) == 1:
                    return projector
                reached = validation_map(projector, validation)
                if best is None or reached > best[0]:
                    best = reached, projector
        assert best is not None
        return best[1]
