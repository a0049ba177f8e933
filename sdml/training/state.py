"""The mutable state of one training: what an epoch changes and a checkpoint keeps.

Letters: N samples, D features, K code size, C classes, S batches of an epoch so far.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import cast

import numpy as np
import torch
from torch import Tensor

from sdml.errors import TrainingError
from sdml.experiment import TrainingSettings
from sdml.training import checkpoint as checkpoints
from sdml.training.checkpoint import NO_GUESSES, Arrays, Checkpoint
from sdml.training.data import Samples
from sdml.training.history import EpochRecord, improved
from sdml.training.learner import Learner
from sdml.training.optimised import Optimised
from sdml.training.parts import First
from sdml.training.pseudo_labels import Guesses, guessed

logger = logging.getLogger(__name__)


class TrainingState:
    """Weights and optimiser, the best encoder so far, the history, the epoch under way.

    Attributes:
        history: the finished epochs.
        best: the selected epoch's encoder; empty before the end of the first epoch.
        best_epoch: the selected epoch, from 1; 0 before the end of the first.
        batches: how many of the epoch under way are done.
        guesses_N: its pseudo-labels; empty without any.
    """

    def __init__(
        self,
        learner: Optimised,
        training: Samples,
        validation: Samples,
        settings: TrainingSettings,
        clock: Callable[[], float] = time.perf_counter,
        first: First = lambda make: make(),
    ) -> None:
        """Before the first batch; ``first`` as of :meth:`Ranks.first`."""
        self._learner = learner
        learner.multi_label = training.multi_label
        self._training = training
        self._validation = validation
        self._settings = settings
        self._clock = clock
        self._first = first
        self._losses: list[Tensor] = []
        self.history: list[EpochRecord] = []
        self.best: Arrays = {}
        self.best_epoch = 0
        self.guesses_N: Guesses = NO_GUESSES

    @property
    def batches(self) -> int:
        """See the class."""
        return len(self._losses)

    def epoch(self, look: Callable[[], None]) -> EpochRecord:
        """Train to the end of the epoch under way and validate; keep the encoder if it is best.

        Args:
            look: called after each batch and each block of the validation; what it raises ends
                the epoch there, and :meth:`checkpoint` has the batches that were done.

        Raises:
            TrainingError: the loss is no longer finite.
        """
        number = len(self.history) + 1
        settings = self._settings
        start = self._clock()
        samples = 0
        self._learner.epoch = number  # also where a checkpoint has all of its batches
        if not self.batches:
            self._guess(number)
        for features_BD, targets_BC in self._training.batches(
            settings.rows(len(self._training)),
            seed=settings.seed,
            epoch=number,
            drop_last=settings.drop_last,
            done=self.batches,
        ):
            self._learner.batch = self.batches
            self._losses.append(self._learner.step(features_BD, targets_BC))
            samples += len(features_BD)
            look()
        train = torch.stack(self._losses).double().mean(0).tolist()  # waits for the device, once
        seconds = self._clock() - start
        blocks = _looking(self._validation.blocks(), look)
        validation = self._learner.measure(blocks).double().tolist()
        if not all(map(math.isfinite, (*train, *validation))):
            raise TrainingError(
                f"the loss must stay finite, but is not after epoch {number} (training "
                f"{train[0]:g}, validation {validation[0]:g}; λ = {settings.lambda_:g}, learning "
                f"rate {settings.learning_rate:g}): lower learning_rate, or look for infinite, "
                "NaN or very large features"
            )
        record = EpochRecord(
            epoch=number,
            train_loss=train[0],
            train_reconstruction=train[1],
            train_supervised=train[2],
            validation_loss=validation[0],
            validation_reconstruction=validation[1],
            validation_supervised=validation[2],
            learning_rate=settings.learning_rate,
            samples_per_second=samples / seconds if seconds > 0 else math.nan,
            pseudo_labelled=self._pseudo_labelled(),
        )
        self.history.append(record)
        self._losses.clear()
        if improved(self.history, self.best_epoch, settings.selection):
            self.best = self._learner.encoder_state()
            self.best_epoch = number
        return record

    def checkpoint(self) -> Checkpoint:
        """The state after the last batch."""
        losses = [loss.cpu().numpy() for loss in self._losses]
        return Checkpoint(
            learner=self._learner.state(),
            best=self.best,
            best_epoch=self.best_epoch,
            history=tuple(self.history),
            losses_S3=np.array(losses, dtype=np.float32).reshape(-1, 3),
            guesses_N=self.guesses_N,
        )

    def resume(self, data: bytes, mark: str) -> bool:
        """Continue from a checkpoint; False, with a warning, if it cannot be continued.

        Args:
            data: what the slot held.
            mark: the training's fingerprint.
        """
        found = checkpoints.load(data, mark)
        if found is None:
            return False
        try:
            if len(found.guesses_N) not in (0, len(self._training)):
                raise ValueError(f"it has {len(found.guesses_N)} pseudo-labels")
            self._learner.load(found.learner)
        except (KeyError, ValueError) as error:
            logger.warning(
                "the checkpoint is damaged (%s): training starts from the beginning", error
            )
            return False
        self.history = list(found.history)
        self.best, self.best_epoch = found.best, found.best_epoch
        if found.guesses_N.size:
            self._take(found.guesses_N)
        self._losses = list(torch.from_numpy(found.losses_S3).to(self._learner.device))
        logger.info("training continues after epoch %d%s", len(self.history), self._further())
        return True

    def _guess(self, number: int) -> None:
        """Give unlabelled samples their classes for an epoch, the same ones on every rank."""
        own = self._settings.pseudo_labels
        if own is None or number < own.start_epoch:
            return
        learner = cast(Learner, self._learner)  # no settings of other methods have them
        made = self._first(
            lambda: guessed(learner, self._training, own.threshold).astype("<i4").tobytes()
        )
        self._take(np.frombuffer(made or b"", dtype="<i4"))

    def _take(self, guesses_N: Guesses) -> None:
        self.guesses_N = guesses_N
        self._training.guess(guesses_N)

    def _pseudo_labelled(self) -> int | None:
        if self._settings.pseudo_labels is None:
            return None
        return int((self.guesses_N >= 0).sum())

    def _further(self) -> str:
        return f" and {self.batches} batches" if self.batches else ""


def _looking(
    blocks: Iterable[tuple[Tensor, Tensor]], look: Callable[[], None]
) -> Iterator[tuple[Tensor, Tensor]]:
    for block in blocks:
        look()
        yield block
