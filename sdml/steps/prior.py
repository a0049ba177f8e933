"""DRCL's selective prior learning: a class matrix of each modality, and the choice of one.

``fit_prior`` learns W and its score on one modality alone; ``select_prior`` makes the W of the
best-scored modality a subspace of the collection, of kind ``prior``, against which every modality
is then prepared and trained. Both start from the random subspace of the file's dimension and seed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sdml.errors import ExperimentError, IntegrityError, NotFoundError, UserError
from sdml.experiment import SplitName, TrainingSettings
from sdml.features import Split, load_split
from sdml.steps.context import Context, read_subspace
from sdml.steps.contract import base_subspace, stored_subspace
from sdml.steps.identity import BEST_EPOCH, flat, training_identity
from sdml.store import Version
from sdml.subspace import Subspace
from sdml.training import EpochRecord, FitResult, TrainingData, fit
from sdml.training.history import history_to_json
from sdml.training.prior import PRIOR, PriorLearner

logger = logging.getLogger(__name__)

SCORE = "score"
"""Stands among a prior's settings in its manifest, although it is a result."""

OnEpoch = Callable[[EpochRecord, int], None]


@dataclass(frozen=True, kw_only=True)
class FittedPrior:
    """A stored candidate: its score is the mean probability of the true class, 0 to 1."""

    prior: str
    modality: str
    score: float
    best_epoch: int
    epochs: int


@dataclass(frozen=True, kw_only=True)
class SelectedPrior:
    """The subspace made from the best candidate, and all the scores."""

    subspace: str
    modality: str
    scores: dict[str, float]


def fit_prior(
    context: Context,
    modality: str,
    *,
    on_epoch: OnEpoch | None = None,
    stop: Callable[[], bool] | None = None,
) -> FittedPrior:
    """Learn the class matrix of one modality and store it as a candidate.

    Args:
        modality: a name in the experiment file; its method must be drcl.
        on_epoch: called after each epoch with its record and the number of epochs.
        stop: asked after each batch; true saves a checkpoint and raises Interrupted.

    Raises:
        ExperimentError: there is no such modality, or its method is another one.
        NotFoundError: it has not been prepared.
        Interrupted: ``stop`` said so.
    """
    context.modality(modality)
    settings = _settings(context, modality)
    base = _base(context)
    subspace = read_subspace(context.catalog, base)
    features = context.catalog.latest(
        "features", modality, where=lambda manifest: manifest.made_from.get("subspace") == base.path
    )
    identity = "prior:" + training_identity(settings, features, base)
    slot = context.catalog.checkpoint(f"{modality}/prior-{identity[6:22]}.safetensors")

    def record(epoch: EpochRecord) -> None:
        if on_epoch is not None:
            on_epoch(epoch, settings.epochs)

    fitted = fit(
        _data(context, features, settings),
        subspace.projection_KC,
        settings,
        data_identity=identity,
        checkpoint=slot,
        on_epoch=record,
        stop=stop,
        learner_type=PriorLearner,
    )
    score = 1 - min(epoch.validation_supervised for epoch in fitted.history)
    version = _publish(context, modality, settings, fitted, score, (base, features), subspace)
    slot.clear()
    logger.info("learned a prior from %s, score %.4f: %s", modality, score, version.uri)
    return FittedPrior(
        prior=version.uri,
        modality=modality,
        score=score,
        best_epoch=fitted.best_epoch,
        epochs=len(fitted.history),
    )


def select_prior(context: Context, *, modalities: Sequence[str] | None = None) -> SelectedPrior:
    """Make the newest candidate with the greatest score the collection's subspace.

    Args:
        modalities: whose candidates compete; by default those of the file whose method is drcl.

    Raises:
        ExperimentError: there is no such modality, or the file does not ask for a prior.
        NotFoundError: one of them has no candidate.
        UserError: the best one was selected before another one, which is newer.
    """
    asked = context.experiment.subspace
    if asked.kind != "prior":
        raise ExperimentError(
            "a prior is selected for a file whose subspace.kind is prior, but it is "
            f"{asked.kind}: change it"
        )
    experiment = context.experiment
    names = list(modalities or [m for m in experiment.modalities if _is_drcl(context, m)])
    for name in names:
        context.modality(name)
    base = _base(context)
    classes = read_subspace(context.catalog, base).classes
    candidates = {
        name: context.catalog.latest(
            "prior", name, where=lambda manifest: manifest.made_from.get("subspace") == base.path
        )
        for name in names
    }
    if not candidates:
        raise NotFoundError(
            "a prior is selected among modalities of method drcl, and the file has none: "
            "set training.method"
        )
    scores = {name: _score(version) for name, version in candidates.items()}
    best = max(scores, key=scores.__getitem__)
    stored = Subspace.from_bytes(
        context.catalog.read(candidates[best], "prior.safetensors"),
        f"{candidates[best].uri}/prior.safetensors",
    )
    if stored.classes != classes:
        raise IntegrityError(
            f"{candidates[best].uri}: must have the classes of {base.uri}: learn it again"
        )
    version = context.catalog.publish(
        "subspace",
        id=stored.identity,
        objects={"projection.safetensors": stored.to_bytes()},
        seed=asked.seed,
        settings={
            "kind": "prior",
            "dimension": stored.dimension,
            "seed": asked.seed,
            "source": None,
            "classes": list(classes),
            "selected": best,
            "scores": dict(scores),
        },
        made_from={
            "base": base.path,
            **{f"prior-{name}": version.path for name, version in candidates.items()},
        },
    )
    newest = stored_subspace(context)
    if newest is None or newest.path != version.path:
        raise UserError(
            f"the prior of {best} was selected before, as {version.uri}, and another one after it, "
            f"which stays the subspace: {newest.uri if newest else 'none'}: learn it anew with "
            "another seed, or in another collection"
        )
    logger.info("selected the prior of %s among %s: %s", best, ", ".join(scores), version.uri)
    return SelectedPrior(subspace=version.uri, modality=best, scores=scores)


def _is_drcl(context: Context, modality: str) -> bool:
    return context.experiment.training_of(modality).method == "drcl"


def _settings(context: Context, modality: str) -> TrainingSettings:
    """Of the prior's training: its own learning rate, and the W of the best-scored epoch."""
    settings = context.experiment.training_of(modality)
    if settings.drcl is None:
        raise ExperimentError(
            f"modality {modality}: a prior is learned for method drcl, not {settings.method}: "
            "set training.method"
        )
    return settings.model_copy(
        update={
            "learning_rate": settings.drcl.prior_learning_rate,
            "selection": "last" if settings.drcl.reference_bugs else "val_sup",
        }
    )


def _base(context: Context) -> Version:
    base = base_subspace(context)
    if base is None:
        asked = context.experiment.subspace
        raise NotFoundError(
            f"a prior starts from the stored random subspace of dimension {asked.dimension} and "
            f"seed {asked.seed}, but {context.catalog.uri} has none: run 'sdml prepare' first"
        )
    return base


def _data(context: Context, features: Version, settings: TrainingSettings) -> TrainingData:
    """The training split, and the one that scores: the same, or validation."""

    def read(split: SplitName) -> Split:
        return load_split(lambda name: context.catalog.local(features, name), split)

    assert settings.drcl is not None
    training = read("train")
    scoring = read("validation") if settings.drcl.score == "validation" else training
    return TrainingData(
        features_ND=training.features_ND,
        labels=training.labels,
        validation_features_ND=scoring.features_ND,
        validation_labels=scoring.labels,
    )


def _publish(
    context: Context,
    modality: str,
    settings: TrainingSettings,
    fitted: FitResult,
    score: float,
    origins: tuple[Version, Version],
    subspace: Subspace,
) -> Version:
    base, features = origins
    learned_KC = fitted.encoder_state[PRIOR].astype(np.float32)
    prior = Subspace(learned_KC, subspace.classes, "free")
    return context.catalog.publish(
        "prior",
        modality=modality,
        objects={
            "prior.safetensors": prior.to_bytes(),
            "history.json": history_to_json(fitted.history),
        },
        settings={**flat(settings), BEST_EPOCH: fitted.best_epoch, SCORE: score},
        made_from={"subspace": base.path, "features": features.path},
        seed=settings.seed,
        reuse=True,
    )


def _score(version: Version) -> float:
    score = version.manifest.settings.get(SCORE)
    if not isinstance(score, float):
        raise IntegrityError(
            f"{version.uri}/manifest.json: settings.{SCORE} must be a number, but is {score!r}: "
            "restore the version from a backup, or learn the prior again"
        )
    return score
