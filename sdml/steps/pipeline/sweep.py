"""The training task of a sweep whose modalities each train every λ at once."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sdml.steps.pipeline.records import Pins, TrainedRecord, pinned_features
from sdml.steps.pipeline.task import Task
from sdml.steps.sweep import sweep, sweep_settings
from sdml.training import EpochRecord

logger = logging.getLogger(__name__)


def sweep_pinned(
    task: Task, pins: Pins, modality: str, *, lambdas: Sequence[float], reuse: bool
) -> list[TrainedRecord]:
    """Train one modality with every λ, or take the stored encoders that the same trainings made.

    ``seconds`` of each record is the time of all of them.

    Raises:
        UserError: the modality was not prepared, or a λ stands there twice.
    """
    features = pinned_features(pins, modality)
    task.require([pins.subspace, features])
    logger.info("training %s with %d values of λ", modality, len(lambdas))
    parent = task.parent()
    swept = sweep(
        task.context,
        modality,
        sweep_settings(task.context, modality, lambdas=lambdas),
        features=features,
        parent_run=parent.id if parent else None,
        pipeline_run=task.pipeline_run,
        on_epoch=log_sweep,
        stop=task.stop,
        reuse=reuse,
    )
    return [
        TrainedRecord(
            encoder=each.encoder,
            modality=modality,
            weight=each.lambda_,
            best_epoch=each.best_epoch,
            epochs=each.epochs,
            seconds=swept.seconds,
        )
        for each in swept.encoders
    ]


def log_sweep(records: Sequence[EpochRecord], epochs: int) -> None:
    """A line at each fifth of the epochs, for those who follow the pod's log."""
    if records and records[0].epoch % max(1, epochs // 5) == 0:
        validation = [record.validation_supervised for record in records]
        logger.info(
            "epoch %d of %d: validation %.4f to %.4f, %.0f samples/s",
            records[0].epoch,
            epochs,
            min(validation),
            max(validation),
            sum(record.samples_per_second for record in records),
        )
