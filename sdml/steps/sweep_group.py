"""Some settings of a sweep: those that are stored, and the others trained at once and published."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from sdml.errors import TrainingError
from sdml.experiment import TrainingSettings
from sdml.steps.own_encoder import as_newest
from sdml.steps.plan import Plan
from sdml.steps.tracked_training import Made, use_again
from sdml.steps.train import epoch_metrics, log_inputs, log_result, publish
from sdml.store import CheckpointSlot
from sdml.tracking import Run
from sdml.training import EpochRecord
from sdml.training.batched import fit_batched

OnEpochs = Callable[[Sequence[EpochRecord], int], None]


@dataclass(frozen=True, kw_only=True)
class Work:
    """What all groups of a sweep have in common.

    Attributes:
        own: the settings that the file itself asks for; their encoder is published last.
        names: of the tracking runs, by place.
    """

    own: TrainingSettings
    tags: dict[str, str]
    names: list[str]
    parent: str | None
    on_epoch: OnEpochs | None
    stop: Callable[[], bool] | None
    reuse: bool


def train_group(
    work: Work, plans: Mapping[int, Plan]
) -> dict[int, tuple[Made | TrainingError, bool]]:
    """Take what is stored and train the others at once; whether each was stored."""
    stored = {place: plan.stored() if work.reuse else "" for place, plan in plans.items()}
    if any(stored.values()) and _slot(plans).load() is not None:
        stored = dict.fromkeys(plans, "")  # it was killed while it published: this goes on
    made: dict[int, Made | TrainingError] = {}
    with ExitStack() as opened:
        runs: dict[int, Run] = {}
        for place, plan in plans.items():
            context = plan.context
            run = context.tracker.start(
                context.experiment.collection,
                work.names[place],
                parent=work.parent,
                tags=work.tags,
            )
            runs[place] = opened.enter_context(run)
            log_inputs(run, plan)
        missing = {place: plan for place, plan in plans.items() if not stored[place]}
        if missing:
            made |= _trained(work, missing, runs)
        for place, uri in stored.items():
            if uri:
                context = plans[place].context
                version = context.catalog.get(uri)
                if plans[place].settings == work.own:
                    version = as_newest(context, version)
                again = use_again(runs[place], context, version, epoch_metrics)
                log_result(runs[place], context, again)
                runs[place].finish()
                made[place] = again
    return {place: (made[place], bool(stored[place])) for place in plans}


def _trained(
    work: Work, plans: Mapping[int, Plan], runs: Mapping[int, Run]
) -> dict[int, Made | TrainingError]:
    """Train and publish."""
    places = list(plans)
    first = plans[places[0]]

    def record(records: dict[int, EpochRecord]) -> None:
        for number, epoch in records.items():
            runs[places[number]].metrics(epoch_metrics(epoch), step=epoch.epoch)
        if work.on_epoch is not None:
            work.on_epoch(list(records.values()), first.settings.epochs)

    slot = _slot(plans)
    fitted = fit_batched(
        first.data(),
        first.subspace.projection_KC,
        [plan.settings for plan in plans.values()],
        data_identity=_identity(plans),
        checkpoint=slot,
        on_epoch=record,
        stop=work.stop,
    )
    made: dict[int, Made | TrainingError] = {}
    for place, result in sorted(
        zip(places, fitted, strict=True), key=lambda each: plans[each[0]].settings == work.own
    ):
        if isinstance(result, TrainingError):
            made[place] = result
            runs[place].finish("failed")
            continue
        uri = publish(plans[place], result).uri
        found = Made(uri=uri, best_epoch=result.best_epoch, history=result.history)
        log_result(runs[place], first.context, found)
        runs[place].finish()
        made[place] = found
    slot.clear()
    return made


def _identity(plans: Mapping[int, Plan]) -> str:
    identities = [plan.identity for plan in plans.values()]
    return hashlib.sha256("".join(identities).encode()).hexdigest()


def _slot(plans: Mapping[int, Plan]) -> CheckpointSlot:
    """The checkpoint of these trainings at once."""
    plan = next(iter(plans.values()))
    return plan.context.catalog.checkpoint(f"{plan.modality}/{_identity(plans)[:16]}.safetensors")
