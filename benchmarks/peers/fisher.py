"""Batches and linear discriminants of the two deep Fisher methods, MvDN and MvLDAN."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from benchmarks.peers.deep import Batch, make_batch
from benchmarks.peers.linear import block_diagonal
from benchmarks.peers.peer import Task


def balanced_batches(task: Task, size: int, *, epoch: int, epochs: int) -> Iterator[Batch]:
    """Batches with equally many samples of each class from every view, drawn with replacement.

    A class that a view lacks is left out of that view. As many batches as pass the largest view
    once.
    """
    generator = np.random.default_rng((task.seed, epoch))
    members = {
        name: [np.flatnonzero(y == c) for c in range(task.classes) if (y == c).any()]
        for name, y in task.train.labels.items()
    }
    each = max(2, size // task.classes)
    count = max(1, max(map(len, task.train.labels.values())) // (each * task.classes))
    for number in range(count):
        rows = {
            name: np.concatenate([generator.choice(own, each) for own in groups])
            for name, groups in members.items()
        }
        yield make_batch(task, rows, (epoch + number / count) / epochs)


def block_diagonal_of(blocks: Sequence[Tensor]) -> Tensor:
    """Square matrices along the diagonal, zeros elsewhere."""
    joined: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return joined


def batch_scatter(rows: Sequence[Tensor], targets: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """(within, between), (ΣK, ΣK), sums over the samples of all views, as in ``scatter``."""
    sums_CK = torch.cat([y.T @ x for x, y in zip(rows, targets, strict=True)], dim=1)
    counts_C = torch.stack([y.sum(dim=0) for y in targets]).sum(dim=0)
    joint = (sums_CK / counts_C.clamp(min=1)[:, None]).T @ sums_CK
    whole_K = sums_CK.sum(dim=0)
    within = block_diagonal_of([x.T @ x for x in rows]) - joint
    return within, joint - torch.outer(whole_K, whole_K) / counts_C.sum()


def off_diagonal(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Σ over samples of the products across views, zeros inside each view: (ΣK, ΣK)."""
    stacked = np.concatenate(rows, axis=1)
    return np.asarray(stacked.T @ stacked - block_diagonal([x.T @ x for x in rows]))
