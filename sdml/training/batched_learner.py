"""What trains S settings of one modality at once: an interface, and the way without stacks.

Letters: S settings, B samples in a batch, D features, K code size, C classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sdml.experiment import TrainingSettings
from sdml.training.optimised import Arrays
from sdml.training.parallel import ALONE

Batch = tuple[Tensor, Tensor]
"""features_BD and targets_BC."""

Blocks = Callable[[], Iterable[Batch]]
"""Goes through a split once, each time it is called."""


class BatchedLearner(ABC):
    """S settings' parameters and Adam on one ``device``.

    Attributes:
        device: where they live.
        epoch: that the next step or measure belongs to, from 1; the loop says it.
        batch: of that epoch, from 0; likewise.
        multi_label: whether samples may have several labels; likewise.
        given_up: settings that nobody asks for any more; their losses are NaN or anything.
    """

    device: torch.device
    epoch = 1
    batch = 0
    multi_label = False
    given_up: frozenset[int] = frozenset()

    @abstractmethod
    def step(self, batches: Sequence[Batch]) -> Tensor:
        """One step of each setting on its own batch; returns the losses before it.

        Args:
            batches: one a setting. Settings with the same seed are given the same tensors.

        Returns:
            (S, 3): total, reconstruction, supervised; on the device.
        """

    @abstractmethod
    def measure(self, blocks: Blocks) -> Tensor:
        """The same losses over all samples of a split."""

    @abstractmethod
    def encoder_state(self, setting: int) -> Arrays:
        """A copy of the parameters that are the setting's result."""

    @abstractmethod
    def state(self) -> Arrays:
        """Everything that later steps depend on, for :meth:`load`."""

    @abstractmethod
    def load(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from what :meth:`state` returned.

        Raises:
            KeyError, ValueError: the arrays are not of these settings. Then train from the
                beginning with another learner.
        """


BatchedLearnerType = Callable[
    [int, npt.NDArray[np.float32], Sequence[TrainingSettings], torch.device], BatchedLearner
]


class TurnsLearner(BatchedLearner):
    """The method's own learner for each setting, a step each by turns.

    The same bits as alone. What is shared is the gathering of batches, so a feature set that does
    not fit into memory is read once for all.
    """

    def __init__(
        self,
        features: int,
        projection_KC: npt.NDArray[np.float32],
        settings: Sequence[TrainingSettings],
        device: torch.device,
    ) -> None:
        """Arguments as of Learner, but for the settings, which are S."""
        self.device = device
        self._learners = [ALONE.learner(features, projection_KC, s, device) for s in settings]
        self._nothing_3 = torch.full((3,), torch.nan, device=device)

    def step(self, batches: Sequence[Batch]) -> Tensor:
        """See :meth:`BatchedLearner.step`."""
        losses = [self._nothing_3] * len(self._learners)
        for number, learner in enumerate(self._learners):
            if number not in self.given_up:
                learner.epoch, learner.batch = self.epoch, self.batch
                learner.multi_label = self.multi_label
                losses[number] = learner.step(*batches[number])
        return torch.stack(losses)

    def measure(self, blocks: Blocks) -> Tensor:
        """See :meth:`BatchedLearner.measure`."""
        losses = [self._nothing_3] * len(self._learners)
        for number, learner in enumerate(self._learners):
            if number not in self.given_up:
                learner.epoch, learner.multi_label = self.epoch, self.multi_label
                losses[number] = learner.measure(blocks())
        return torch.stack(losses)

    def encoder_state(self, setting: int) -> Arrays:
        """See :meth:`BatchedLearner.encoder_state`."""
        return self._learners[setting].encoder_state()

    def state(self) -> Arrays:
        """See :meth:`BatchedLearner.state`."""
        return {
            f"{number}.{name}": array
            for number, learner in enumerate(self._learners)
            for name, array in learner.state().items()
        }

    def load(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """See :meth:`BatchedLearner.load`."""
        for number, learner in enumerate(self._learners):
            own = f"{number}."
            learner.load({n.removeprefix(own): a for n, a in state.items() if n.startswith(own)})
