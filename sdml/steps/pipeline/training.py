"""The training task: one modality on its pinned feature set."""

from __future__ import annotations

import logging

from sdml.errors import UserError
from sdml.steps.pipeline.records import Pins, TrainedRecord
from sdml.steps.pipeline.task import Task
from sdml.steps.train import train
from sdml.training import EpochRecord

logger = logging.getLogger(__name__)


def train_pinned(
    task: Task, pins: Pins, modality: str, *, lambda_: float | None, reuse: bool
) -> TrainedRecord:
    """Train one modality, or take the stored encoder that the same training has made.

    Raises:
        UserError: the modality was not prepared.
    """
    if modality not in pins.features:
        raise UserError(
            f"a training needs a modality that was prepared, one of {', '.join(pins.features)}, "
            f"not {modality!r}: name it in the parameter 'modalities' too"
        )
    logger.info("training %s%s", modality, "" if lambda_ is None else f" with λ = {lambda_:g}")
    parent = task.parent()
    trained = train(
        task.context,
        modality,
        features=pins.features[modality],
        lambda_=lambda_,
        parent_run=parent.id if parent else None,
        pipeline_run=task.pipeline_run,
        on_epoch=_log_progress,
        stop=task.stop,
        reuse=reuse,
    )
    weight = task.context.experiment.training_of(modality).lambda_ if lambda_ is None else lambda_
    return TrainedRecord(
        encoder=trained.encoder,
        modality=modality,
        weight=weight,
        best_epoch=trained.best_epoch,
        epochs=trained.epochs,
        seconds=trained.seconds,
    )


def _log_progress(record: EpochRecord, epochs: int) -> None:
    """A line at each fifth of the epochs, for those who follow the pod's log."""
    if record.epoch % max(1, epochs // 5) == 0:
        logger.info(
            "epoch %d of %d: loss %.4f, validation %.4f, %.0f samples/s",
            record.epoch,
            epochs,
            record.train_loss,
            record.validation_supervised,
            record.samples_per_second,
        )
