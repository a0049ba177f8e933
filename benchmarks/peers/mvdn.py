"""MvDN: multi-view deep network, Fisher's trace ratio on the outputs of all views.

Kan, Shan and Chen, Multi-view deep network for cross-view classification, CVPR 2016, equations
(2) to (7): a network for each view, one shared network on top, trained on tr(S_W)/tr(S_B) of the
pooled outputs of a batch; then a linear Fisher projection of the outputs, one for all views. No
pairs are needed, any number of views. No code is public. Batches here are balanced over classes
(500 rows of each view), since a batch that lacks a class has no use for it; a ratio needs both
traces, so each gets 1e-6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from benchmarks.peers.deep import Batch, DeepPeer, forward
from benchmarks.peers.fisher import balanced_batches, batch_scatter
from benchmarks.peers.linear import Linear, leading
from benchmarks.peers.networks import Towers
from benchmarks.peers.peer import Map, Point, Task, chain
from benchmarks.peers.scatter import pooled_scatter
from benchmarks.peers.views import FloatArray, Views

_GUARD = 1e-6


@dataclass(frozen=True, kw_only=True)
class MvDN(DeepPeer):
    """Grid: learning rate; the final projection's ridge is 1e-3 of the mean variance."""

    name: ClassVar[str] = "mvdn"
    paper: ClassVar[str] = "Kan et al., CVPR 2016"

    grid: tuple[Point, ...] = ({"learning_rate": 1e-3}, {"learning_rate": 1e-4})
    code: int = 128
    batch_size: int = 500

    def build(self, task: Task, generator: torch.Generator) -> Any:
        """Towers with a shared top layer."""
        return Towers(task.widths, self.hidden, self.code, generator, shared_top=True)

    def batches(self, task: Task, epoch: int) -> Iterator[Batch]:
        """Class-balanced batches."""
        return balanced_batches(task, self.batch_size, epoch=epoch, epochs=self.epochs)

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """tr(S_W)/tr(S_B) of the outputs of all views together."""
        rows = torch.cat([model(name, x) for name, x in batch.features.items()])
        within, between = batch_scatter([rows], [torch.cat(list(batch.targets.values()))])
        return (within.trace() + _GUARD) / (between.trace() + _GUARD)

    def finish(self, model: Any, task: Task) -> Mapping[str, Map]:
        """One Fisher projection of all outputs."""
        outputs = {name: forward(model, name) for name in task.train.modalities}
        rows = np.concatenate([outputs[n](task.train.features[n]) for n in task.train.modalities])
        labels = np.concatenate([task.train.labels[n] for n in task.train.modalities])
        last = fisher_projection(rows.astype(np.float64), labels, task.classes)
        return {name: chain(outputs[name], last) for name in task.train.modalities}


def fisher_projection(rows_NK: FloatArray, labels_N: FloatArray, classes: int) -> Linear:
    """LDA's C − 1 directions of one set of rows."""
    mean_K = rows_NK.mean(axis=0)
    views = Views(features={"all": rows_NK - mean_K}, labels={"all": labels_N})
    within, between = pooled_scatter(views, classes)
    ridge = 1e-3 * (np.trace(within) + np.trace(between)) / len(within) + 1e-12
    return Linear(mean_K, leading(between, within + ridge * np.eye(len(within)), classes - 1)[1])
