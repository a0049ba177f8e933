"""The task that learns a prior: one modality on its pinned feature set."""

from __future__ import annotations

import logging

from sdml.steps.pipeline.records import Pins, PriorRecord, pinned_features
from sdml.steps.pipeline.task import Task
from sdml.steps.pipeline.training import log_progress
from sdml.steps.prior import fit_prior
from sdml.training import EpochRecord

logger = logging.getLogger(__name__)


def fit_prior_pinned(task: Task, pins: Pins, modality: str, *, reuse: bool) -> PriorRecord:
    """Learn one modality's class matrix, or take the stored one that the same training has made.

    Raises:
        UserError: the modality was not prepared.
        ExperimentError: its method is not drcl.
        NotFoundError: what was prepared has been removed.
    """
    features = pinned_features(pins, modality)
    task.require([pins.subspace, features])
    logger.info("learning a prior from %s", modality)
    parent = task.parent()
    made = fit_prior(
        task.context,
        modality,
        features=features,
        parent_run=parent.id if parent else None,
        pipeline_run=task.pipeline_run,
        on_epoch=_log_progress,
        stop=task.stop,
        reuse=reuse,
    )
    return PriorRecord(
        prior=made.prior,
        modality=modality,
        score=made.score,
        best_epoch=made.best_epoch,
        epochs=made.epochs,
    )


def _log_progress(record: EpochRecord, epochs: int) -> None:
    log_progress(record, epochs, judged=f"score {1 - record.validation_supervised:.4f}")
