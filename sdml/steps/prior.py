"""DRCL's prior learning: a class matrix W and its score, from one modality alone.

It starts from the random subspace of the file's dimension and seed, and is stored as a candidate;
``prior_selection.py`` chooses among those of several modalities.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from sdml.steps.asked_prior import drcl_settings
from sdml.steps.context import Context
from sdml.steps.contract import require_base
from sdml.steps.identity import SCORE
from sdml.steps.plan import Plan, features_for
from sdml.steps.tracked_training import Made, OnEpoch, common_metrics, tracked, use_again
from sdml.subspace import Subspace
from sdml.tracking import Run
from sdml.training import EpochRecord, TrainingData, fit
from sdml.training.device import find_device
from sdml.training.prior import PRIOR, PriorLearner

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FittedPrior:
    """A stored candidate: its score is the mean probability of the true class, 0 to 1."""

    prior: str
    modality: str
    score: float
    best_epoch: int
    epochs: int


def fit_prior(
    context: Context,
    modality: str,
    *,
    features: str | None = None,
    parent_run: str | None = None,
    pipeline_run: str | None = None,
    on_epoch: OnEpoch | None = None,
    stop: Callable[[], bool] | None = None,
    reuse: bool = False,
) -> FittedPrior:
    """Learn the class matrix of one modality and store it as a candidate.

    Args:
        modality: a name in the experiment file; its method must be drcl.
        features: URI of the feature set, whose subspace is the start; by default the newest one
            for the random subspace that the file says.
        parent_run: tracking run under which this one stands.
        pipeline_run: tag that joins all runs of one pipeline run.
        on_epoch: called after each epoch with its record and the number of epochs.
        stop: asked after each batch; true saves a checkpoint and raises Interrupted.
        reuse: take a candidate that the store already has from the same features, subspace and
            settings, instead of training.

    Raises:
        ExperimentError: there is no such modality, or its method is another one.
        NotFoundError: it has not been prepared.
        Interrupted: ``stop`` said so. The tracking run ends as killed.
    """
    plan = _planned(context, modality, features)
    found = plan.stored() if reuse else ""
    data = None if found else plan.data()
    collection, tags = context.experiment.collection, plan.tags(pipeline_run)
    with context.tracker.start(
        collection, f"prior {modality}", parent=parent_run, tags=tags
    ) as run:
        plan.log_inputs(run)
        if data is None:
            made = use_again(run, context, context.catalog.get(found), _metrics)
        else:
            made = _fit(run, plan, data, on_epoch, stop)
        score = _score(made.history)
        run.metrics({"best_epoch": made.best_epoch, "best/score": score})
        run.tag({"prior": made.uri})
    before = "learned before" if found else "learned"
    logger.info("%s a prior from %s, score %.4f: %s", before, modality, score, made.uri)
    return FittedPrior(
        prior=made.uri,
        modality=modality,
        score=score,
        best_epoch=made.best_epoch,
        epochs=len(made.history),
    )


def _planned(context: Context, modality: str, features: str | None) -> Plan:
    """Look everything up; the settings with a learning rate and a selection of their own."""
    drcl = drcl_settings(context, modality)
    settings = context.experiment.training_of(modality).model_copy(
        update={
            "learning_rate": drcl.prior_learning_rate,
            "selection": "last" if drcl.reference_bugs else "val_sup",
        }
    )
    find_device(settings.device)  # refused before anything starts
    version = features_for(context, modality, features, current=require_base)
    base, subspace = context.subspace_of(version)
    return Plan(
        context=context,
        modality=modality,
        settings=settings,
        features=version,
        subspace_version=base,
        subspace=subspace,
        makes="prior",
        selected_by=drcl.score,
    )


def _fit(
    run: Run,
    plan: Plan,
    data: TrainingData,
    on_epoch: OnEpoch | None,
    stop: Callable[[], bool] | None,
) -> Made:
    """Train and publish."""
    name = f"{plan.modality}/prior-{plan.identity[:16]}.safetensors"
    slot = plan.context.catalog.checkpoint(name)
    fitted = fit(
        data,
        plan.subspace.projection_KC,
        plan.settings,
        data_identity=f"prior:{plan.identity}",
        checkpoint=slot,
        on_epoch=tracked(run, _metrics, plan.settings.epochs, on_epoch),
        stop=stop,
        learner_type=PriorLearner,
    )
    learned_KC = fitted.encoder_state[PRIOR].astype(np.float32)
    prior = Subspace(learned_KC, plan.subspace.classes, "free")
    results = {SCORE: _score(fitted.history)}
    version = plan.publish(fitted, {"prior.safetensors": prior.to_bytes()}, **results)
    slot.clear()
    return Made(uri=version.uri, best_epoch=fitted.best_epoch, history=fitted.history)


def _score(history: Iterable[EpochRecord]) -> float:
    """Of the best-scored epoch."""
    return 1 - min(epoch.validation_supervised for epoch in history)


def _metrics(epoch: EpochRecord) -> dict[str, float]:
    """The names under which an epoch is tracked; ``validation`` is the split that scores."""
    return {**common_metrics(epoch), "score": 1 - epoch.validation_supervised}
