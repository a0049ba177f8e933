"""Dropout whose masks follow from (seed, epoch, batch) alone.

So a training that was stopped within an epoch continues with the masks that it would have had, and
processes that share a batch have, together, those of one process. They are drawn on the CPU, so
they are the same on every device.

Letters: D features, H width of a hidden layer, B samples in a batch.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sdml.experiment import TrainingSettings

_STREAM = 1  # apart from the permutations, which are drawn from (seed, epoch)


class Dropout:
    """What is left out in one modality's training, by its settings."""

    def __init__(self, settings: TrainingSettings) -> None:
        """Nothing is drawn yet."""
        self._seed = settings.seed
        self._input = settings.input_dropout
        self._share = settings.dropout
        self._hidden = settings.hidden

    def __call__(
        self, features_BD: Tensor, *, epoch: int, batch: int, own: slice = slice(None)
    ) -> tuple[Tensor, list[Tensor]]:
        """The features that a step sees, and a mask (B, H) for each hidden layer; none if off.

        Args:
            features_BD: of the whole batch; left as they are.
            epoch: the step's, from 1.
            batch: the step's, from 0.
            own: which rows are asked for.
        """
        if not (self._input or self._share):
            return features_BD[own], []
        # numpy mixes the numbers well; torch draws faster
        draw = np.random.default_rng((self._seed, epoch, batch, _STREAM))
        generator = torch.Generator().manual_seed(int(draw.integers(2**62)))

        def mask(width: int, share: float) -> Tensor:
            kept_BX = torch.rand(len(features_BD), width, generator=generator) >= share
            return (kept_BX[own] / (1 - share)).to(features_BD.device)

        seen_BD = features_BD[own]
        if self._input:
            seen_BD = seen_BD * mask(features_BD.shape[1], self._input)
        return seen_BD, [mask(width, self._share) for width in self._hidden if self._share]
