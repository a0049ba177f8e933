"""Sweep: one modality with several λ, seeds or learning rates at once; an encoder of each.

Every encoder is stored as ``train`` would store it, with the same settings and the same name for
its training, so that either of the two takes what the other has made.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import product

from sdml.errors import TrainingError, UserError
from sdml.experiment import TrainingSettings
from sdml.steps.context import Context
from sdml.steps.plan import planned
from sdml.steps.sweep_group import OnEpochs, Work, train_group
from sdml.steps.tracked_training import Made
from sdml.steps.train import settings_of
from sdml.tracking import TAG_CHARACTERS, Run
from sdml.training.device import find_device
from sdml.training.precision import decided

logger = logging.getLogger(__name__)

_RATE = "learning_rate"


@dataclass(frozen=True, kw_only=True)
class SweptEncoder:
    """One setting and what came of it; ``validation`` is the selected epoch's supervised loss."""

    encoder: str
    lambda_: float
    seed: int
    learning_rate: float
    best_epoch: int
    epochs: int
    validation: float
    reused: bool


@dataclass(frozen=True, kw_only=True)
class Swept:
    """Published encoders in the order that was asked for; ``seconds`` is the time of training."""

    modality: str
    subspace: str
    encoders: tuple[SweptEncoder, ...]
    seconds: float


def sweep_settings(
    context: Context,
    modality: str,
    *,
    lambdas: Sequence[float] | None = None,
    seeds: int = 1,
    learning_rates: Sequence[float] | None = None,
) -> list[TrainingSettings]:
    """Every λ with every seed and every learning rate.

    Args:
        modality: a name in the experiment file.
        lambdas: by default the file's ``sweep.lambdas``; for drcl and mtls their only one.
        seeds: how many, from the file's own upwards.
        learning_rates: by default the file's own.

    Raises:
        ExperimentError: the file has no such modality, or a value is not allowed.
        UserError: no seed is asked for, or a value stands there twice.
    """
    own = settings_of(context, modality, None)
    if seeds < 1:
        raise UserError(f"--seeds must be at least 1, not {seeds}")
    chosen = lambdas
    if chosen is None:  # λ means nothing to drcl and mtls
        only = own.method in ("drcl", "mtls")
        chosen = [own.lambda_] if only else context.experiment.sweep.lambdas
    rates = [own.learning_rate] if learning_rates is None else learning_rates
    for name, values in (("--lambda", chosen), ("--learning-rate", rates)):
        if not values or len(set(values)) != len(values):
            raise UserError(f"{name} must name each value once, not {list(values)}")
    return [
        settings_of(context, modality, lambda_, seed=seed, learning_rate=rate)
        for lambda_, seed, rate in product(chosen, range(own.seed, own.seed + seeds), rates)
    ]


def sweep(
    context: Context,
    modality: str,
    settings: Sequence[TrainingSettings],
    *,
    features: str | None = None,
    at_once: int | None = None,
    parent_run: str | None = None,
    pipeline_run: str | None = None,
    on_epoch: OnEpochs | None = None,
    stop: Callable[[], bool] | None = None,
    reuse: bool = True,
) -> Swept:
    """Train the encoder of one modality once with each of the settings, and publish all.

    What the file itself asks for is published last, so that it is the newest encoder then; if it
    was stored before other encoders, a copy of it is published.

    Args:
        modality: a name in the experiment file.
        settings: as :func:`sweep_settings` makes them.
        features: as of :func:`sdml.steps.train.train`.
        at_once: so many at a time, for less memory; by default all.
        parent_run: tracking run under which those of the settings stand; by default a new one.
        pipeline_run: tag that joins all runs of one pipeline run.
        on_epoch: called after each epoch with the records of all settings that are trained, and
            the number of epochs.
        stop: as of :func:`sdml.steps.train.train`.
        reuse: take encoders that the store already has from the same trainings.

    Raises:
        ExperimentError, NotFoundError, SubspaceError: as of :func:`sdml.steps.train.train`.
        UserError: ``at_once`` is below 1, or the settings have pseudo-labels.
        TrainingError: a loss was no longer finite; the other settings' encoders are published.
        Interrupted: ``stop`` said so. The tracking runs end as killed.
    """
    if at_once is not None and at_once < 1:
        raise UserError(f"--at-once must be at least 1, not {at_once}")
    if settings[0].pseudo_labels is not None:
        raise UserError(
            "a sweep's settings share their batches, but each would have pseudo_labels of its own: "
            "leave pseudo_labels out, or train them one by one with sdml train"
        )
    start = time.perf_counter()
    first = planned(context, modality, settings[0], features)
    plans = [replace(first, settings=decided(s, find_device(s.device))) for s in settings]
    own = decided(settings_of(context, modality, None), find_device(settings[0].device))
    work = Work(
        own=own,
        tags=first.tags(pipeline_run),
        names=_names(modality, settings),
        parent=parent_run,
        on_epoch=on_epoch,
        stop=stop,
        reuse=reuse,
    )
    parent: Run | None = None
    with ExitStack() as opened:
        if parent_run is None:
            tags = {**work.tags, "level": "sweep"}
            collection = context.experiment.collection
            run = context.tracker.start(collection, f"sweep {modality}", tags=tags)
            parent = opened.enter_context(run)
            work = replace(work, parent=parent.id)
        order = sorted(range(len(plans)), key=lambda place: plans[place].settings == own)
        found: dict[int, tuple[Made | TrainingError, bool]] = {}
        size = at_once or len(plans)
        for begin in range(0, len(plans), size):
            group = sorted(order[begin : begin + size])
            found |= train_group(work, {place: plans[place] for place in group})
        made = [found[place] for place in range(len(plans))]
        failures = [str(each) for each, _ in made if isinstance(each, TrainingError)]
        if failures:
            raise TrainingError(
                f"{len(failures)} of {len(made)} settings have no encoder, the others are stored: "
                f"{failures[0]}"
            )
        encoders = tuple(
            _told(plan.settings, each, reused)
            for plan, (each, reused) in zip(plans, made, strict=True)
            if isinstance(each, Made)
        )
        if parent is not None:
            parent.describe(_description(modality, own.method, encoders))
    seconds = time.perf_counter() - start
    trained = sum(not each.reused for each in encoders)
    logger.info("trained %s with %d settings in %.1f s", modality, trained, seconds)
    return Swept(
        modality=modality, subspace=first.subspace.identity, encoders=encoders, seconds=seconds
    )


def _told(settings: TrainingSettings, made: Made, reused: bool) -> SweptEncoder:
    return SweptEncoder(
        encoder=made.uri,
        lambda_=settings.lambda_,
        seed=settings.seed,
        learning_rate=settings.learning_rate,
        best_epoch=made.best_epoch,
        epochs=len(made.history),
        validation=made.best_loss,
        reused=reused,
    )


def _description(modality: str, method: str, encoders: Sequence[SweptEncoder]) -> str:
    """Markdown for people: a row for each setting."""
    lines = [
        f"A sweep of **{modality}**, method `{method}`: {len(encoders)} settings. *Validation* is "
        "the supervised loss of the selected epoch. mAP takes all modalities, swept likewise: "
        "`sdml evaluate FILE.yaml --sweep`.",
        "",
        "| λ | seed | learning rate | best epoch | validation | encoder |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.lambda_:g} | {each.seed} | {each.learning_rate:g} "
        f"| {each.best_epoch} of {each.epochs} | {each.validation:.4f} | `{each.encoder}` |"
        for each in encoders
    ]
    return "\n".join(lines)[:TAG_CHARACTERS]


def _names(modality: str, settings: Sequence[TrainingSettings]) -> list[str]:
    """Of the tracking runs: λ, and whatever else differs."""
    several = {name: len({getattr(s, name) for s in settings}) > 1 for name in ("seed", _RATE)}
    return [
        f"{modality} λ={s.lambda_:g}"
        + (f" seed={s.seed}" if several["seed"] else "")
        + (f" learning rate={s.learning_rate:g}" if several[_RATE] else "")
        for s in settings
    ]
