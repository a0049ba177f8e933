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
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from sdml.errors import DataError, Interrupted
from sdml.experiment import TrainingSettings
from sdml.training import checkpoint as checkpoints
from sdml.training.checkpoint import Arrays, CheckpointSlot
from sdml.training.data import Samples, TrainingData, samples_of
from sdml.training.device import find_device
from sdml.training.history import EpochRecord
from sdml.training.optimised import Optimised
from sdml.training.pace import Pace
from sdml.training.parallel import ALONE, Ranks
from sdml.training.parts import Parts, Regressions
from sdml.training.precision import decided
from sdml.training.state import TrainingState
from sdml.training.threads import thread_count

logger = logging.getLogger(__name__)

Clock = Callable[[], float]
LearnerType = Callable[[int, npt.NDArray[np.float32], TrainingSettings, torch.device], Optimised]


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """A finished training.

    Attributes:
        encoder_state: the selected epoch's encoder weights, by parameter name.
        best_epoch: the selected epoch, from 1.
        epochs: how many were trained.
        history: one record for each epoch, also for those before a resumption.
        resumed_from: how many epochs a continued checkpoint had finished, or None.
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
    ranks: Ranks = ALONE,
    learner_type: LearnerType | None = None,
    clock: Clock = time.perf_counter,
) -> FitResult:
    """Train the encoder of one modality.

    The result depends on the data, P and the settings; not on other modalities, nor on how
    often the training was killed, stopped and resumed. The caller clears the checkpoint's slot
    once the result is safe.

    Args:
        data: training and validation splits.
        projection_KC: P, float32.
        settings: of this modality.
        data_identity: names the data, so that a checkpoint of other data is not continued.
        checkpoint: where to keep the state, every ``settings.checkpoint_seconds``, but less often
            where that takes more than a hundredth of the time; after each epoch if that is 0.
        on_epoch: called with each epoch's record, after the checkpoint; not for epochs that a
            checkpoint already holds.
        stop: asked before the first batch, after each one and during validation; true saves a
            checkpoint and raises Interrupted.
        threads: instead of ``settings.threads``; by default one a core.
        device: instead of ``settings.device``.
        ranks: the processes that train together. Each of them calls this function with the same
            arguments and gets the same result; rank 0 alone writes to the slot.
        learner_type: what to train instead of the method's; in one process only.
        clock: seconds, for speed and the time between checkpoints.

    Raises:
        DataError: the splits do not fit together, the subspace or the settings.
        ExperimentError: there is no such device.
        TrainingError: the loss is no longer finite, or another rank is gone.
        Interrupted: ``stop`` said so, on any rank.
    """
    place = find_device(
        device or settings.device, local_rank=ranks.local_rank, local_size=ranks.local_size
    )
    training, validation = samples_of(data, projection_KC.shape[1], place)
    check_splits(training, validation, settings)
    settings = decided(settings, place)
    with thread_count(threads or settings.threads, share=ranks.local_size):
        make = learner_type or ranks.learner
        parts = Parts.of(settings, training, projection_KC.shape[1])
        learner = make(training.features, projection_KC, parts.trained, place)
        state = TrainingState(learner, training, validation, settings, clock, ranks.first)
        mark = checkpoints.fingerprint(settings, projection_KC, data_identity)
        kept = ranks.first(checkpoint.load) if checkpoint else None
        resumed = kept is not None and state.resume(kept, mark)
        resumed_from = len(state.history) if resumed else None
        pace = Pace(clock)

        def save(*, seconds: float = 0) -> None:
            """See :meth:`Pace.save`."""
            if checkpoint is not None and ranks.leads:
                slot = checkpoint
                pace.save(lambda: checkpoints.save(slot, state.checkpoint(), mark), seconds=seconds)

        def check() -> None:
            if stop is not None and ranks.any(stop()):
                raise Interrupted(
                    f"training was stopped in epoch {len(state.history) + 1} of "
                    f"{settings.epochs}, after {state.batches} of its batches: start it again to "
                    "continue"
                )

        def look() -> None:
            check()
            if settings.checkpoint_seconds > 0:
                save(seconds=settings.checkpoint_seconds)

        check()
        while len(state.history) < settings.epochs:
            try:
                record = state.epoch(look)
            except Interrupted:
                save()
                ranks.wait()  # whoever ends first has the others killed, saved or not
                raise
            save(seconds=settings.checkpoint_seconds)
            if on_epoch is not None:
                on_epoch(record)
        encoder = parts.joined(state.best, Regressions(training, projection_KC), ranks.first)
    return FitResult(
        encoder_state=encoder,
        best_epoch=state.best_epoch,
        epochs=len(state.history),
        history=tuple(state.history),
        resumed_from=resumed_from,
    )


def check_splits(training: Samples, validation: Samples, settings: TrainingSettings) -> None:
    """What must hold between the splits and the settings.

    Raises:
        DataError: it does not.
    """
    if training.features != validation.features:
        raise DataError(
            f"training and validation samples must have equally many features, but have "
            f"{training.features} and {validation.features}: prepare the modality again"
        )
    if settings.drop_last and len(training) < settings.rows(len(training)):
        raise DataError(
            f"the training split must fill at least one batch, but has {len(training)} samples "
            f"and batch_size is {settings.batch_size}: lower batch_size"
        )
    if settings.method == "mtls":  # pairs are enough
        return
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
