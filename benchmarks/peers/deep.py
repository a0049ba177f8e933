"""What the deep methods share: batches, Adam, and selection of epoch and grid by validation mAP.

Adam with the moments (0.5, 0.999) and batches as each method says. After every epoch the codes of
the validation split are ranked (mean mAP@all, cosine); the weights of the best epoch are kept, and
of the grid the point whose best epoch is best. Batches of methods on pairs are rows that belong
together, drawn anew each epoch where pairing is by class. The hidden layers are those of SDML
unless a method says otherwise, so a table compares objectives and not sizes.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.peers.pairing import pair_rows
from benchmarks.peers.peer import Map, Peer, Point, Projector, Task
from benchmarks.peers.scoring import validation_map
from benchmarks.peers.views import FloatArray, Views, one_hot
from sdml.errors import TrainingError

QUICK_EPOCHS = 10
QUICK_WIDTH = 256
_ROWS = 4096


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Rows of a training split.

    Attributes:
        features: (B, D) by modality.
        targets: 0 and 1, (B, C) by modality.
        point: the training's hyper-parameters.
        progress: from 0 to 1 in the course of training.
    """

    features: Mapping[str, Tensor]
    targets: Mapping[str, Tensor]
    point: Point
    progress: float


@dataclass(frozen=True, kw_only=True)
class DeepPeer(Peer):
    """A method trained by gradient descent.

    Attributes:
        grid: hyper-parameters to choose from; the first is the default.
        hidden: widths between features and code.
        code: K.
        epochs: how many are trained; the best is kept.
        batch_size: rows of a batch; of fewer training rows all.
        learning_rate: of Adam.
    """

    draws: ClassVar[bool] = True

    grid: tuple[Point, ...]
    hidden: tuple[int, ...] = (1024, 1024)
    code: int = 512
    epochs: int = 60
    batch_size: int = 100
    learning_rate: float = 1e-4

    def quick(self) -> Self:
        """One point, at most ten epochs, hidden layers of at most 256."""
        return replace(
            self,
            grid=self.grid[:1],
            epochs=min(self.epochs, QUICK_EPOCHS),
            hidden=quick_widths(self.hidden),
        )

    @abstractmethod
    def build(self, task: Task, generator: torch.Generator) -> Any:
        """The networks, an ``nn.Module``."""

    @abstractmethod
    def loss(self, model: Any, batch: Batch) -> Tensor:
        """What is minimised on a batch, a scalar."""

    def towers(self, model: Any) -> Any:
        """The part of the networks that makes codes: called with modality and features."""
        return model

    def finish(self, model: Any, task: Task) -> Mapping[str, Map]:
        """The maps of an epoch's networks; here their outputs, as they are."""
        return {name: forward(self.towers(model), name) for name in task.train.modalities}

    def batches(self, task: Task, epoch: int) -> Iterator[Batch]:
        """An epoch of rows that belong together, shuffled; a last part below half is left out."""
        rows = pair_rows(task.train.labels, (task.seed, epoch))
        order = np.random.default_rng((task.seed, epoch, 1)).permutation(
            len(next(iter(rows.values())))
        )
        size = min(self.batch_size, len(order))
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            if 2 * len(chosen) < size:
                return
            picked = {name: own[chosen] for name, own in rows.items()}
            progress = (epoch + start / len(order)) / self.epochs
            yield make_batch(task, picked, progress)

    def _fit(self, train: Views, validation: Views, classes: int, seed: int) -> Projector:
        tasks = [Task(train=train, classes=classes, seed=seed, point=point) for point in self.grid]
        results = [self._train(task, validation) for task in tasks]
        return max(results, key=lambda result: result[0])[1]

    def networks(self, task: Task) -> Iterator[Any]:
        """The networks after each epoch of training, always the same object.

        Raises:
            TrainingError: the loss is not finite.
        """
        model: nn.Module = self.build(task, torch.Generator().manual_seed(task.seed))
        rate = task.point.get("learning_rate", self.learning_rate)
        adam = torch.optim.Adam(model.parameters(), lr=rate, betas=(0.5, 0.999), fused=True)
        for epoch in range(self.epochs):
            for batch in self.batches(task, epoch):
                loss = self.loss(model, batch)
                if not torch.isfinite(loss):
                    raise TrainingError(
                        f"{self.name}: the loss must stay finite, but is {loss.item()} in epoch "
                        f"{epoch + 1} with {dict(task.point)}: lower the learning rate"
                    )
                adam.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                adam.step()
            yield model

    def _train(self, task: Task, validation: Views) -> tuple[float, Projector]:
        """Validation mAP of the best epoch, and its projector."""
        best, best_epoch, kept, model = -1.0, 0, None, None
        for epoch, model in enumerate(self.networks(task), start=1):
            reached = validation_map(Projector(maps=self.finish(model, task)), validation)
            if reached > best:
                best, best_epoch, kept = reached, epoch, copy.deepcopy(model.state_dict())
        assert model is not None
        model.load_state_dict(kept)
        return best, Projector(
            maps=self.finish(model, task),
            chosen={**task.point, "epoch": best_epoch},
        )


def quick_widths(hidden: tuple[int, ...]) -> tuple[int, ...]:
    """Hidden layers of a quick run."""
    return tuple(min(width, QUICK_WIDTH) for width in hidden)


def make_batch(task: Task, rows: Mapping[str, Any], progress: float) -> Batch:
    """The named rows of each modality as tensors."""
    train = task.train
    return Batch(
        features={name: tensor(train.features[name][index]) for name, index in rows.items()},
        targets={
            name: tensor(one_hot(train.labels[name][index], task.classes))
            for name, index in rows.items()
        },
        point=task.point,
        progress=progress,
    )


def tensor(array: FloatArray) -> Tensor:
    """A float32 copy."""
    return torch.from_numpy(np.array(array, dtype=np.float32))


def forward(model: Any, modality: str) -> Map:
    """The network of one modality as a map of arrays, in blocks and without gradients."""

    def codes(features_ND: FloatArray) -> FloatArray:
        with torch.no_grad():
            parts = [
                model(modality, tensor(features_ND[start : start + _ROWS])).numpy()
                for start in range(0, len(features_ND), _ROWS)
            ]
        return np.concatenate(parts)

    return codes


def label_loss(logits_BC: Tensor, targets_BC: Tensor) -> Tensor:
    """Cross-entropy with the labels as a distribution: each of k labels has share 1/k."""
    shares_BC = targets_BC / targets_BC.sum(dim=1, keepdim=True).clamp(min=1)
    return -(shares_BC * logits_BC.log_softmax(dim=1)).sum(dim=1).mean()
