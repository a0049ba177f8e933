"""DRCL's prior learning: a class matrix W and its score, from one modality alone.

It starts from the random subspace of the file's dimension and seed, and is stored as a candidate;
``prior_selection.py`` chooses among those of several modalities.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sdml.errors import Interrupted
from sdml.experiment import SplitName, TrainingSettings
from sdml.features import Split, load_split
from sdml.steps.asked_prior import drcl_settings
from sdml.steps.context import Context, read_subspace
from sdml.steps.contract import require_base
from sdml.steps.identity import (
    BEST_EPOCH,
    SCORE,
    flat,
    score_of,
    stored_result,
    training_identity,
)
from sdml.steps.tracked_data import log_dataset
from sdml.store import Version
from sdml.subspace import Subspace
from sdml.tracking import Run
from sdml.training import EpochRecord, TrainingData, fit
from sdml.training.history import history_from_json, history_to_json
from sdml.training.prior import PRIOR, PriorLearner

logger = logging.getLogger(__name__)

OnEpoch = Callable[[EpochRecord, int], None]


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
    work = _work(context, modality, features)
    found = work.stored() if reuse else None
    data = None if found else work.data()
    collection, tags = context.experiment.collection, work.tags(pipeline_run)
    with context.tracker.start(
        collection, f"prior {modality}", parent=parent_run, tags=tags
    ) as run:
        work.log_inputs(run)
        if found is not None:
            made = _use_again(run, work, found)
        else:
            assert data is not None
            try:
                made = _fit(run, work, data, on_epoch, stop)
            except Interrupted:
                run.finish("killed")
                raise
        run.metrics({"best_epoch": made.best_epoch, "best/score": made.score})
        run.tag({"prior": made.prior})
    before = "learned before" if found else "learned"
    logger.info("%s a prior from %s, score %.4f: %s", before, modality, made.score, made.prior)
    return made


@dataclass(frozen=True, kw_only=True)
class _Work:
    """One prior's training, with everything looked up that decides its result."""

    context: Context
    modality: str
    settings: TrainingSettings
    features: Version
    base: Version
    subspace: Subspace

    @property
    def identity(self) -> str:
        return training_identity(self.settings, self.features, self.base)

    def tags(self, pipeline_run: str | None) -> dict[str, str]:
        """What a tracking run of this training can be found by."""
        return {
            "collection": self.context.experiment.collection,
            "level": "prior",
            "modality": self.modality,
            "method": self.settings.method,
            "subspace": self.subspace.identity,
            "features": self.features.uri,
            **({"pipeline_run": pipeline_run} if pipeline_run else {}),
        }

    def log_inputs(self, run: Run) -> None:
        """Track what decides the training."""
        run.params({**self.features.manifest.settings, **flat(self.settings)})
        run.params({"modality": self.modality, "dimension": self.subspace.dimension})
        splits: tuple[SplitName, ...] = ("train", self.scoring)
        for split in dict.fromkeys(splits):
            log_dataset(run, self.features, split)

    def stored(self) -> Version | None:
        """The candidate that this very training has made before."""
        return stored_result(
            self.context.catalog, "prior", self.modality, self.settings, self.identity
        )

    @property
    def scoring(self) -> SplitName:
        assert self.settings.drcl is not None
        return self.settings.drcl.score

    def data(self) -> TrainingData:
        """The training split, and the one that scores: the same, or validation."""

        def read(split: SplitName) -> Split:
            return load_split(lambda name: self.context.catalog.local(self.features, name), split)

        training = read("train")
        scoring = training if self.scoring == "train" else read(self.scoring)
        return TrainingData(
            features_ND=training.features_ND,
            labels=training.labels,
            validation_features_ND=scoring.features_ND,
            validation_labels=scoring.labels,
        )


def _work(context: Context, modality: str, features: str | None) -> _Work:
    """Look everything up."""
    settings = _settings(context, modality)
    if features is None:
        base = require_base(context)
        version = context.catalog.latest(
            "features",
            modality,
            where=lambda manifest: manifest.made_from.get("subspace") == base.path,
        )
        subspace = read_subspace(context.catalog, base)
    else:
        version = context.catalog.get(features)
        base, subspace = context.subspace_of(version)
    return _Work(
        context=context,
        modality=modality,
        settings=settings,
        features=version,
        base=base,
        subspace=subspace,
    )


def _settings(context: Context, modality: str) -> TrainingSettings:
    """Of the prior's training: its own learning rate, and the W of the best-scored epoch."""
    drcl = drcl_settings(context, modality)
    return context.experiment.training_of(modality).model_copy(
        update={
            "learning_rate": drcl.prior_learning_rate,
            "selection": "last" if drcl.reference_bugs else "val_sup",
        }
    )


def _fit(
    run: Run,
    work: _Work,
    data: TrainingData,
    on_epoch: OnEpoch | None,
    stop: Callable[[], bool] | None,
) -> FittedPrior:
    """Train and publish."""
    catalog, settings = work.context.catalog, work.settings
    slot = catalog.checkpoint(f"{work.modality}/prior-{work.identity[:16]}.safetensors")

    def record(epoch: EpochRecord) -> None:
        run.metrics(_metrics(epoch), step=epoch.epoch)
        if on_epoch is not None:
            on_epoch(epoch, settings.epochs)

    fitted = fit(
        data,
        work.subspace.projection_KC,
        settings,
        data_identity=f"prior:{work.identity}",
        checkpoint=slot,
        on_epoch=record,
        stop=stop,
        learner_type=PriorLearner,
    )
    score = 1 - min(epoch.validation_supervised for epoch in fitted.history)
    learned_KC = fitted.encoder_state[PRIOR].astype(np.float32)
    prior = Subspace(learned_KC, work.subspace.classes, "free")
    version = catalog.publish(
        "prior",
        modality=work.modality,
        objects={
            "prior.safetensors": prior.to_bytes(),
            "history.json": history_to_json(fitted.history),
        },
        settings={**flat(settings), BEST_EPOCH: fitted.best_epoch, SCORE: score},
        made_from={"subspace": work.base.path, "features": work.features.path},
        seed=settings.seed,
        reuse=True,
    )
    slot.clear()
    return FittedPrior(
        prior=version.uri,
        modality=work.modality,
        score=score,
        best_epoch=fitted.best_epoch,
        epochs=len(fitted.history),
    )


def _use_again(run: Run, work: _Work, version: Version) -> FittedPrior:
    """Track a stored candidate as if it had been learned, and say that it was not."""
    name = "history.json"
    history = history_from_json(work.context.catalog.read(version, name), f"{version.uri}/{name}")
    for epoch in history:
        run.metrics(_metrics(epoch), step=epoch.epoch)
    run.tag({"reused": "true"})
    best_epoch = version.manifest.settings[BEST_EPOCH]
    assert isinstance(best_epoch, int)
    return FittedPrior(
        prior=version.uri,
        modality=work.modality,
        score=score_of(version),
        best_epoch=best_epoch,
        epochs=len(history),
    )


def _metrics(epoch: EpochRecord) -> dict[str, float]:
    """The names under which an epoch is tracked; ``validation`` is the split that scores."""
    metrics = {
        "loss/train": epoch.train_loss,
        "loss/validation": epoch.validation_loss,
        "score": 1 - epoch.validation_supervised,
        "learning_rate": epoch.learning_rate,
        "samples_per_second": epoch.samples_per_second,
    }
    if math.isnan(epoch.samples_per_second):  # read from a file
        del metrics["samples_per_second"]
    return metrics
