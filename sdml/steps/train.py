"""Train: one modality, alone, against the stored subspace; one encoder comes out."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ValidationError

from sdml.errors import ExperimentError
from sdml.experiment import TrainingSettings
from sdml.experiment.explain import explain
from sdml.features import load_split
from sdml.steps.context import Context
from sdml.steps.contract import stored_subspace
from sdml.steps.publishing import publish_once
from sdml.store import Version
from sdml.tracking import Run
from sdml.training import EpochRecord, FitResult, TrainingData, fit
from sdml.training.encoder_file import encoder_to_bytes
from sdml.training.history import history_to_json

logger = logging.getLogger(__name__)

OnEpoch = Callable[[EpochRecord, int], None]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A published encoder and how it came about; ``seconds`` is the time of training."""

    encoder: str
    modality: str
    subspace: str
    best_epoch: int
    epochs: int
    seconds: float


def train(
    context: Context,
    modality: str,
    *,
    features: str | None = None,
    lambda_: float | None = None,
    parent_run: str | None = None,
    pipeline_run: str | None = None,
    on_epoch: OnEpoch | None = None,
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

    Raises:
        ExperimentError: the file has no such modality, or ``lambda_`` is not between 0 and 1.
        NotFoundError: the modality has not been prepared for the file's subspace.
        TrainingError: the loss is no longer finite.
    """
    settings = settings_of(context, modality, lambda_)
    catalog = context.catalog
    feature_version = catalog.get(features) if features else _prepared(context, modality)
    subspace_version, subspace = context.subspace_of(feature_version)
    training = load_split(lambda name: catalog.local(feature_version, name), "train")
    validation = load_split(lambda name: catalog.local(feature_version, name), "validation")
    data = TrainingData(
        features_ND=training.features_ND,
        labels=training.labels,
        validation_features_ND=validation.features_ND,
        validation_labels=validation.labels,
    )
    identity = _identity(settings, feature_version, subspace_version)
    slot = catalog.checkpoint(f"{modality}/{identity[:16]}.safetensors")
    tags = {
        "collection": context.experiment.collection,
        "modality": modality,
        "subspace": subspace.identity,
        "features": feature_version.uri,
        **({"pipeline_run": pipeline_run} if pipeline_run else {}),
    }
    name = modality if lambda_ is None else f"{modality} λ={lambda_:g}"
    start = time.perf_counter()
    with context.tracker.start(
        context.experiment.collection, name, parent=parent_run, tags=tags
    ) as run:
        run.params({**feature_version.manifest.settings, **_flat(settings)})
        run.params({"modality": modality, "dimension": subspace.dimension})
        run.metrics({"lambda": settings.lambda_})
        run.dataset(
            f"{context.experiment.collection}/{modality}",
            digest=feature_version.manifest.id,
            source=feature_version.uri,
            context="training",
        )

        def record(epoch: EpochRecord) -> None:
            run.metrics(epoch_metrics(epoch), step=epoch.epoch)
            if on_epoch is not None:
                on_epoch(epoch, settings.epochs)

        fitted = fit(
            data,
            subspace.projection_KC,
            settings,
            data_identity=identity,
            checkpoint=slot,
            on_epoch=record,
        )
        version = _publish(
            context,
            modality,
            settings,
            fitted,
            feature_version,
            subspace_version,
            subspace.identity,
        )
        slot.clear()
        _finish(run, version, fitted)
    seconds = time.perf_counter() - start
    logger.info("trained %s in %.1f s: %s", modality, seconds, version.uri)
    return Trained(
        encoder=version.uri,
        modality=modality,
        subspace=subspace.identity,
        best_epoch=fitted.best_epoch,
        epochs=fitted.epochs,
        seconds=seconds,
    )


def settings_of(context: Context, modality: str, lambda_: float | None) -> TrainingSettings:
    """A modality's training settings, with λ replaced when one is given.

    Raises:
        ExperimentError: there is no such modality, or λ is not between 0 and 1.
    """
    context.modality(modality)
    settings = context.experiment.training_of(modality)
    if lambda_ is None:
        return settings
    replaced = {**settings.model_dump(by_alias=True), "lambda": lambda_}
    try:
        return TrainingSettings.model_validate(replaced)
    except ValidationError as error:
        raise ExperimentError(f"modality {modality}: {explain(error, TrainingSettings)}") from error


def _prepared(context: Context, modality: str) -> Version:
    """The newest feature set of a modality for the collection's current subspace."""
    current = stored_subspace(context)
    path = current.path if current else ""
    return context.catalog.latest(
        "features", modality, where=lambda manifest: manifest.made_from.get("subspace") == path
    )


def epoch_metrics(epoch: EpochRecord) -> dict[str, float]:
    """The names under which an epoch is tracked (docs/tracking.md)."""
    return {
        "loss/train": epoch.train_loss,
        "loss/validation": epoch.validation_loss,
        "reconstruction/train": epoch.train_reconstruction,
        "reconstruction/validation": epoch.validation_reconstruction,
        "supervised/train": epoch.train_supervised,
        "supervised/validation": epoch.validation_supervised,
        "learning_rate": epoch.learning_rate,
        "samples_per_second": epoch.samples_per_second,
    }


def _publish(
    context: Context,
    modality: str,
    settings: TrainingSettings,
    fitted: FitResult,
    features: Version,
    subspace: Version,
    identity: str,
) -> Version:
    carried = [
        record.name
        for record in features.manifest.objects
        if record.name.startswith(("transform.", "extractor."))
    ]
    objects = {name: context.catalog.read(features, name) for name in carried}
    objects["encoder.safetensors"] = encoder_to_bytes(
        fitted.encoder_state, modality=modality, subspace=identity, settings=settings
    )
    objects["history.json"] = history_to_json(fitted.history)
    return publish_once(
        context.catalog,
        "encoder",
        modality=modality,
        objects=objects,
        settings={**_flat(settings), "best_epoch": fitted.best_epoch},
        made_from={"subspace": subspace.path, "features": features.path},
        seed=settings.seed,
    )


def _finish(run: Run, version: Version, fitted: FitResult) -> None:
    best = fitted.history[fitted.best_epoch - 1]
    run.metrics(
        {
            "best_epoch": fitted.best_epoch,
            "best/supervised_validation": best.validation_supervised,
        }
    )
    run.tag({"encoder": version.uri})


def _flat(settings: TrainingSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json", by_alias=True, exclude={"checkpoint_seconds"})


def _identity(settings: TrainingSettings, features: Version, subspace: Version) -> str:
    """What decides the result of a training, as one digest: names its checkpoint."""
    parts = {
        "settings": _flat(settings),
        "features": [asdict(record) for record in features.manifest.objects],
        "subspace": subspace.manifest.id,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
