"""Train: one modality, alone, against the stored subspace; one encoder comes out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationError

from sdml.errors import ExperimentError
from sdml.experiment import TrainingSettings
from sdml.experiment.explain import explain
from sdml.steps.context import Context
from sdml.steps.identity import PARTNER
from sdml.steps.plan import Plan, planned
from sdml.steps.registered import register
from sdml.steps.tracked_training import Made, OnEpoch, common_metrics, tracked, use_again
from sdml.store import Version
from sdml.tracking import Run
from sdml.training import ALONE, EpochRecord, FitResult, Ranks, TrainingData, fit
from sdml.training.encoder_file import encoder_to_bytes

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A published encoder and how it came about.

    ``seconds`` is the time of training; ``reused`` says that there was none, since the store
    held the encoder already.
    """

    encoder: str
    modality: str
    subspace: str
    best_epoch: int
    epochs: int
    seconds: float
    reused: bool = False


def train(
    context: Context,
    modality: str,
    *,
    features: str | None = None,
    lambda_: float | None = None,
    parent_run: str | None = None,
    pipeline_run: str | None = None,
    on_epoch: OnEpoch | None = None,
    stop: Callable[[], bool] | None = None,
    reuse: bool = False,
    ranks: Ranks = ALONE,
    partner: str | None = None,
) -> Trained:
    """Train the encoder of one modality and publish it.

    Args:
        modality: a name in the experiment file.
        features: URI of the feature set; by default the newest one for the subspace that the
            experiment file asks for.
        lambda_: instead of the file's λ.
        parent_run: tracking run under which this one stands.
        pipeline_run: tag that joins all runs of one pipeline run.
        on_epoch: called after each epoch with its record and the number of epochs.
        stop: asked after each batch; true saves a checkpoint and raises Interrupted. Not asked
            before the first batch, nor while the encoder is published.
        reuse: take an encoder that the store already has from the same features, subspace and
            settings, instead of training.
        ranks: processes that train together, each calling this function with the same arguments.
            Rank 0 alone publishes and tracks; the others should have a context without tracking.
        partner: URI of the encoder whose codes method ``mtls`` trains against; by default the
            newest one of its partner for the same subspace.

    Raises:
        ExperimentError: the file has no such modality, or ``lambda_`` is not between 0 and 1.
        NotFoundError: the modality has not been prepared for the file's subspace, or its partner
            not trained for it.
        SubspaceError: the method cannot use that subspace.
        DataError: its rows and the partner's are no pairs.
        TrainingError: the loss is no longer finite, or another rank is gone.
        Interrupted: ``stop`` said so. The tracking run ends as killed.
    """
    settings = settings_of(context, modality, lambda_)
    plan = planned(context, modality, settings, features, ranks, partner=partner)
    found = ranks.first_text(lambda: plan.stored() if reuse else "")
    data = None if found else plan.data()
    name = modality if lambda_ is None else f"{modality} λ={lambda_:g}"
    start = time.perf_counter()
    with context.tracker.start(
        context.experiment.collection, name, parent=parent_run, tags=plan.tags(pipeline_run)
    ) as run:
        log_inputs(run, plan)
        if data is None:
            made = use_again(run, context, context.catalog.get(found), epoch_metrics)
        else:
            made = _train(run, plan, data, on_epoch, stop, ranks)
        log_result(run, context, made)
    seconds = time.perf_counter() - start
    if data is None:
        logger.info("%s was trained before: %s", modality, made.uri)
    else:
        logger.info("trained %s in %.1f s: %s", modality, seconds, made.uri)
    return Trained(
        encoder=made.uri,
        modality=modality,
        subspace=plan.subspace.identity,
        best_epoch=made.best_epoch,
        epochs=len(made.history),
        seconds=seconds,
        reused=data is None,
    )


def settings_of(
    context: Context,
    modality: str,
    lambda_: float | None,
    *,
    seed: int | None = None,
    learning_rate: float | None = None,
) -> TrainingSettings:
    """A modality's training settings, with those replaced that are given.

    Raises:
        ExperimentError: there is no such modality, or a value is not allowed.
    """
    context.modality(modality)
    settings = context.experiment.training_of(modality)
    given = {"lambda": lambda_, "seed": seed, "learning_rate": learning_rate}
    changed = {name: value for name, value in given.items() if value is not None}
    if not changed:
        return settings
    try:
        return TrainingSettings.model_validate({**settings.model_dump(by_alias=True), **changed})
    except ValidationError as error:
        raise ExperimentError(f"modality {modality}: {explain(error, TrainingSettings)}") from error


def epoch_metrics(epoch: EpochRecord) -> dict[str, float]:
    """The names under which an epoch of an encoder's training is tracked (docs/tracking.md)."""
    metrics = {
        **common_metrics(epoch),
        "reconstruction/train": epoch.train_reconstruction,
        "reconstruction/validation": epoch.validation_reconstruction,
        "supervised/train": epoch.train_supervised,
        "supervised/validation": epoch.validation_supervised,
    }
    if epoch.pseudo_labelled is not None:
        metrics["pseudo_labelled/train"] = epoch.pseudo_labelled
    return metrics


def log_inputs(run: Run, plan: Plan) -> None:
    """Track what decides an encoder's training."""
    plan.log_inputs(run)
    run.params({"precision": plan.settings.precision})
    if plan.partner is not None:
        run.params({PARTNER: plan.partner.encoder.uri})
    run.metrics({"lambda": plan.settings.lambda_})


def log_result(run: Run, context: Context, made: Made) -> None:
    """Track what came of a training, and register the encoder."""
    run.metrics({"best_epoch": made.best_epoch, "best/supervised_validation": made.best_loss})
    run.tag({"encoder": made.uri})
    register(run, context, context.catalog.get(made.uri))


def _train(
    run: Run,
    plan: Plan,
    data: TrainingData,
    on_epoch: OnEpoch | None,
    stop: Callable[[], bool] | None,
    ranks: Ranks,
) -> Made:
    """Train and publish."""
    slot = plan.context.catalog.checkpoint(f"{plan.modality}/{plan.identity[:16]}.safetensors")
    fitted = fit(
        data,
        plan.subspace.projection_KC,
        plan.settings,
        data_identity=plan.identity,
        checkpoint=slot,
        on_epoch=tracked(run, epoch_metrics, plan.settings.epochs, on_epoch),
        stop=stop,
        ranks=ranks,
    )

    def published() -> str:
        uri = publish(plan, fitted).uri
        slot.clear()
        return uri

    return Made(
        uri=ranks.first_text(published),
        best_epoch=fitted.best_epoch,
        history=fitted.history,
    )


def publish(plan: Plan, fitted: FitResult) -> Version:
    """Store the encoder of a finished training."""
    catalog = plan.context.catalog
    carried = [
        record.name
        for record in plan.features.manifest.objects
        if record.name.startswith(("transform.", "extractor."))
    ]
    objects = {name: catalog.read(plan.features, name) for name in carried}
    objects["encoder.safetensors"] = encoder_to_bytes(
        fitted.encoder_state,
        modality=plan.modality,
        subspace=plan.subspace.identity,
        settings=plan.settings,
    )
    return plan.publish(fitted, objects)
