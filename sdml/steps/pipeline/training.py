"""The training task: one modality on its pinned feature set."""

from __future__ import annotations

import logging
from typing import Any

from sdml.steps.pipeline.records import Pins, TrainedRecord, pinned_features
from sdml.steps.pipeline.task import Task
from sdml.steps.pipeline.together import train_together
from sdml.steps.train import train
from sdml.training import EpochRecord

logger = logging.getLogger(__name__)


def train_pinned(
    task: Task, pins: Pins, modality: str, *, lambda_: float, reuse: bool, processes: int = 1
) -> TrainedRecord:
    """Train one modality, or take the stored encoder that the same training has made.

    Args:
        processes: so many share each batch, each on an accelerator of its own if there is one.

    Raises:
        UserError: the modality was not prepared.
        NotFoundError: what was prepared has been removed.
    """
    features = pinned_features(pins, modality)
    task.require([pins.subspace, features])
    logger.info("training %s with λ = %g", modality, lambda_)
    parent = task.parent()
    what: dict[str, Any] = {
        "features": features,
        "lambda_": lambda_,
        "parent_run": parent.id if parent else None,
        "pipeline_run": task.pipeline_run,
        "reuse": reuse,
        "partner": pins.partners.get(modality),
    }
    if processes > 1:
        trained = train_together(task, processes, modality=modality, **what)
    else:
        trained = train(task.context, modality, **what, on_epoch=log_progress, stop=task.stop)
    return TrainedRecord(
        encoder=trained.encoder,
        modality=modality,
        weight=lambda_,
        best_epoch=trained.best_epoch,
        epochs=trained.epochs,
        seconds=trained.seconds,
    )


def log_progress(record: EpochRecord, epochs: int, *, judged: str = "") -> None:
    """A line at each fifth of the epochs, for those who follow the pod's log.

    ``judged`` says how good the epoch is; by default its supervised loss on validation.
    """
    if record.epoch % max(1, epochs // 5) == 0:
        logger.info(
            "epoch %d of %d: loss %.4f, %s, %.0f samples/s",
            record.epoch,
            epochs,
            record.train_loss,
            judged or f"validation {record.validation_supervised:.4f}",
            record.samples_per_second,
        )
