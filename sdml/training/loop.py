"""Training one modality: epochs of Adam steps, validation, selection, checkpoints.

SDML, algorithm 1, run for one modality alone; nothing here knows that there are others. As in
the released code: a new permutation each epoch, the last partial batch dropped, and selection by
the strictly lowest supervised loss on the validation split, a measure that needs no other
modality. That loss does not carry the factor 1 − λ, so selection by it is defined at λ = 1 too,
although nothing then trains the codes towards their labels.

What differs: the released code keeps only the codes of the best epoch; here its weights are
kept, and the test split is not needed. Unlabelled validation samples are left out of the loss.

Letters: N samples, D features, K code size, C classes.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from sdml.errors import DataError, ExperimentError, TrainingError
from sdml.experiment import TrainingSettings
from sdml.training import checkpoint as checkpoints
from sdml.training.checkpoint import Arrays, Checkpoint, CheckpointSlot
from sdml.training.data import Samples, TrainingData
from sdml.training.history import EpochRecord
from sdml.training.learner import Learner
from sdml.training.threads import thread_count

logger = logging.getLogger(__name__)

Clock = Callable[[], float]


class Interrupted(TrainingError):  # noqa: N818  (nothing went wrong)
    """The caller asked for a stop; the checkpoint holds all finished epochs."""


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """A finished training.

    Attributes:
        encoder_state: the selected epoch's encoder weights, by parameter name.
        best_epoch: the selected epoch, from 1.
        epochs: how many were trained.
        history: one record for each epoch, also for those before a resumption.
        resumed_from: the epoch after which a checkpoint was continued, or None.
    """

    encoder_state: Arrays
    best_epoch: int
    epochs: int
    history: tuple[EpochRecord, ...]
    resumed_from: int | None


def fit(
    data: TrainingData,
    projection_KC: npt.NDArray[np.float32],
    settings: TrainingSettings,
    *,
    data_identity: str = "",
    checkpoint: CheckpointSlot | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    stop: Callable[[], bool] | None = None,
    threads: int | None = None,
    device: str | None = None,
    clock: Clock = time.perf_counter,
) -> FitResult:
    """Train the encoder of one modality.

    The result depends on the data, P and the settings; not on other modalities, nor on how
    often the training was killed and resumed. The caller clears the checkpoint's slot once the
    result is safe.

    Args:
        data: training and validation splits.
        projection_KC: P, float32.
        settings: of this modality.
        data_identity: names the data, so that a checkpoint of other data is not continued.
        checkpoint: where to keep the state, every ``settings.checkpoint_seconds`` or each epoch.
        on_epoch: called with each epoch's record, after the checkpoint; not for epochs that a
            checkpoint already holds.
        stop: asked after each epoch; true saves a checkpoint and raises Interrupted.
        threads: instead of ``settings.threads``; by default one a core.
        device: instead of ``settings.device``.
        clock: seconds, for speed and the time between checkpoints.

    Raises:
        DataError: the splits do not fit together, the subspace or the settings.
        ExperimentError: there is no such device.
        TrainingError: the loss is no longer finite.
        Interrupted: ``stop`` said so.
    """
    place = _device(device or settings.device)
    classes = projection_KC.shape[1]
    training = Samples(
        data.features_ND, data.labels, classes=classes, device=place, name="training"
    )
    validation = Samples(
        data.validation_features_ND,
        data.validation_labels,
        classes=classes,
        device=place,
        name="validation",
    )
    _check(training, validation, settings)
    with thread_count(threads or settings.threads):
        run = _Run(training, validation, projection_KC, settings, place, clock)
        mark = checkpoints.fingerprint(settings, projection_KC, data_identity)
        resumed_from = run.resume(checkpoint, mark) if checkpoint else None
        saved_at = clock()
        while len(run.history) < settings.epochs:
            record = run.epoch()
            stopping = stop is not None and stop()
            if checkpoint and (stopping or clock() - saved_at >= settings.checkpoint_seconds):
                checkpoints.save(checkpoint, run.checkpoint(), mark)
                saved_at = clock()
            if on_epoch is not None:
                on_epoch(record)
            if stopping:
                raise Interrupted(
                    f"training was asked to stop after epoch {record.epoch} of {settings.epochs}: "
                    "start it again to continue"
                )
    return FitResult(
        encoder_state=run.best,
        best_epoch=run.best_epoch,
        epochs=len(run.history),
        history=tuple(run.history),
        resumed_from=resumed_from,
    )


class _Run:
    """The mutable state of one training."""

    def __init__(
        self,
        training: Samples,
        validation: Samples,
        projection_KC: npt.NDArray[np.float32],
        settings: TrainingSettings,
        device: torch.device,
        clock: Clock,
    ) -> None:
        self._training = training
        self._validation = validation
        self._settings = settings
        self._clock = clock
        self._learner = Learner(training.features, projection_KC, settings, device)
        self.history: list[EpochRecord] = []
        self.best: Arrays = {}
        self.best_epoch = 0

    def epoch(self) -> EpochRecord:
        """Train and validate once over; keep the encoder if it is the best so far."""
        number = len(self.history) + 1
        settings = self._settings
        start = self._clock()
        steps, samples = [], 0
        for features_BD, targets_BC in self._training.batches(
            settings.batch_size, seed=settings.seed, epoch=number, drop_last=settings.drop_last
        ):
            steps.append(self._learner.step(features_BD, targets_BC))
            samples += len(features_BD)
        train = torch.stack(steps).double().mean(0).tolist()  # waits for the device, once
        seconds = self._clock() - start
        validation = self._learner.measure(self._validation.blocks()).double().tolist()
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
        )
        self.history.append(record)
        if self._improved(record):
            self.best = self._learner.encoder_state()
            self.best_epoch = number
        return record

    def _improved(self, record: EpochRecord) -> bool:
        if self._settings.selection == "last" or self.best_epoch == 0:
            return True
        best = self.history[self.best_epoch - 1]
        return record.validation_supervised < best.validation_supervised

    def checkpoint(self) -> Checkpoint:
        """The state after the last epoch."""
        return Checkpoint(
            learner=self._learner.state(),
            best=self.best,
            best_epoch=self.best_epoch,
            history=tuple(self.history),
        )

    def resume(self, slot: CheckpointSlot, mark: str) -> int | None:
        """Continue from the slot's checkpoint, if it is one of this training."""
        found = checkpoints.load(slot, mark)
        if found is None:
            return None
        try:
            self._learner.load(found.learner)
        except (KeyError, ValueError) as error:
            logger.warning(
                "the checkpoint is damaged (%s): training starts from the beginning", error
            )
            return None
        self.history = list(found.history)
        self.best, self.best_epoch = found.best, found.best_epoch
        logger.info("training continues after epoch %d", len(self.history))
        return len(self.history)


def _device(name: str) -> torch.device:
    """The named device; ``auto`` is CUDA where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch: no such name; not built with CUDA
        raise ExperimentError(
            f"training.device must be auto, cpu, cuda or cuda:<number> of a device that is here, "
            f"not {name!r}: choose another one"
        ) from error
    return device


def _check(training: Samples, validation: Samples, settings: TrainingSettings) -> None:
    """What must hold between the splits and the settings."""
    if training.features != validation.features:
        raise DataError(
            f"training and validation samples must have equally many features, but have "
            f"{training.features} and {validation.features}: prepare the modality again"
        )
    if settings.drop_last and len(training) < settings.batch_size:
        raise DataError(
            f"the training split must fill at least one batch, but has {len(training)} samples "
            f"and batch_size is {settings.batch_size}: lower batch_size"
        )
    if validation.labelled == 0:
        raise DataError(
            f"the validation split must have labelled samples to select an epoch by, but none of "
            f"its {len(validation)} is labelled: label some, or choose another split"
        )
    if training.labelled == 0 and settings.lambda_ < 1:
        raise DataError(
            f"the training split must have labelled samples unless λ = 1, but none of its "
            f"{len(training)} is labelled and λ = {settings.lambda_:g}: label some, or check that "
            "their classes are among the subspace's"
        )
    if settings.lambda_ == 1 and settings.selection == "val_sup":
        logger.warning(
            "λ = 1 trains nothing towards the labels, so the epoch that val_sup selects is "
            "nearly arbitrary: set selection: last to keep the trained auto-encoder"
        )
