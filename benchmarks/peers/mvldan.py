"""MvLDAN: multi-view linear discriminant analysis network.

Hu, Peng, Peng and Zhang, Multi-view linear discriminant analysis network, TIP 2019, and the
released code: a network for each view, whose outputs on a batch give the scatter matrices of MvDA
(``scatter``, sums over the batch). The generalised eigenvalues e of (S_b + λ₁·S_c, S_w + κI) are
computed, S_c the products of paired rows across views; of the largest min(C, K) − 1 those within
1 of the smallest are averaged, and the mean is maximised. In the end the same eigenproblem on the
standardised outputs of all training rows gives C − 1 directions for each view. The eigenvalues
come from a Cholesky factor of S_w + κI and a symmetric eigensolver, in float64. S_c needs pairs:
by rows, or by class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from benchmarks.peers.deep import Batch, DeepPeer, forward
from benchmarks.peers.fisher import batch_scatter, block_diagonal_of, off_diagonal
from benchmarks.peers.linear import Linear, leading, split_rows
from benchmarks.peers.networks import Towers
from benchmarks.peers.pairing import pair_rows
from benchmarks.peers.peer import Map, Point, Task, chain
from benchmarks.peers.scatter import pooled_scatter
from benchmarks.peers.views import Views

THRESHOLD = 1.0


@dataclass(frozen=True, kw_only=True)
class MvLDAN(DeepPeer):
    """Grid: ridge κ and weight λ₁ of the products across views."""

    name: ClassVar[str] = "mvldan"
    paper: ClassVar[str] = "Hu et al., TIP 2019"
    needs_pairs: ClassVar[bool] = True

    grid: tuple[Point, ...] = (
        {"ridge": 1.0, "lambda": 1e-3},
        {"ridge": 1e-3, "lambda": 1e-3},
    )
    hidden: tuple[int, ...] = (512, 128)
    code: int = 20
    batch_size: int = 500
    learning_rate: float = 1e-3

    def build(self, task: Task, generator: torch.Generator) -> Any:
        """One tower a view."""
        return Towers(task.widths, self.hidden, self.code, generator)

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """Minus the mean of the smaller leading eigenvalues."""
        rows = [model(name, x).double() for name, x in batch.features.items()]
        targets = [y.double() for y in batch.targets.values()]
        values = eigenvalues(rows, targets, batch.point["ridge"], batch.point["lambda"])
        count = max(1, min(targets[0].shape[1], rows[0].shape[1]) - 1)
        top = values[-count:]
        return -top[top <= top.min() + THRESHOLD].mean()

    def finish(self, model: Any, task: Task) -> Mapping[str, Map]:
        """Linear MvLDAN on the standardised outputs."""
        outputs = {name: forward(model, name) for name in task.train.modalities}
        rows = {
            n: outputs[n](task.train.features[n]).astype(np.float64) for n in task.train.modalities
        }
        means = {name: x.mean(axis=0) for name, x in rows.items()}
        scales = {name: np.where(x.std(axis=0) > 0, x.std(axis=0), 1) for name, x in rows.items()}
        views = Views(
            features={name: (x - means[name]) / scales[name] for name, x in rows.items()},
            labels=task.train.labels,
        )
        total = sum(map(len, rows.values()))
        within, between = (total * part for part in pooled_scatter(views, task.classes))
        pairs = pair_rows(task.train.labels, task.seed)
        across = off_diagonal([views.features[n][pairs[n]] for n in task.train.modalities])
        _, vectors = leading(
            between + task.point["lambda"] * across,
            within + task.point["ridge"] * np.eye(len(within)),
            task.classes - 1,
        )
        parts = split_rows(vectors, [x.shape[1] for x in rows.values()])
        return {
            name: chain(outputs[name], Linear(means[name], part / scales[name][:, None]))
            for name, part in zip(task.train.modalities, parts, strict=True)
        }


def eigenvalues(rows: list[Tensor], targets: list[Tensor], ridge: float, weight: float) -> Tensor:
    """Eigenvalues of (S_b + λ₁·S_c, S_w + κI) of a batch of pairs, upwards."""
    within, between = batch_scatter(rows, targets)
    stacked = torch.cat(rows, dim=1)
    across = stacked.T @ stacked - block_diagonal_of([x.T @ x for x in rows])
    eye = torch.eye(len(within), dtype=within.dtype)
    root = torch.linalg.cholesky((within + within.T) / 2 + ridge * eye)
    objective = between + weight * across
    half = torch.linalg.solve_triangular(root, (objective + objective.T) / 2, upper=False)
    whole = torch.linalg.solve_triangular(root, half.T, upper=False)
    values: Tensor = torch.linalg.eigvalsh((whole + whole.T) / 2)
    return values
