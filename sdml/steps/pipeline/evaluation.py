"""The evaluation task: this run's encoders, with the pinned ones of other modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sdml.errors import UserError
from sdml.steps.evaluate import Evaluated, evaluate
from sdml.steps.own_encoder import as_newest
from sdml.steps.pipeline.records import Pins, TrainedRecord
from sdml.steps.pipeline.task import Task
from sdml.steps.registered import register
from sdml.steps.tracked_evaluation import track_settings


def evaluate_pinned(
    task: Task,
    pins: Pins,
    records: Sequence[TrainedRecord],
    others: Mapping[str, str],
    *,
    lambda_: float | None,
) -> Evaluated:
    """Evaluate the encoders of this run, only those of one λ if one is given.

    The figures stand on the tracking parent; those of one λ on a child of their own. Encoders of
    the file's own λ are the newest ones afterwards.

    Args:
        others: URIs of other modalities' encoders.

    Raises:
        NotFoundError: one of the encoders has been removed.
        UserError: a modality of this run was not trained with that λ.
    """
    if lambda_ is not None:
        _check_trained(records, lambda_)
    context = task.context
    chosen = [record for record in records if lambda_ is None or record.weight == lambda_]
    encoders = [*(record.encoder for record in chosen), *others.values()]
    task.require([pins.subspace, *encoders])
    collection = context.experiment.collection
    subspace = {"subspace": context.catalog.get(pins.subspace).manifest.id}
    if lambda_ is None:
        parent = task.resume_parent()
        parent.tag({**subspace, "task": "evaluate"})
        evaluated = evaluate(context, encoders=encoders, run=parent)
        parent.leave()
        return evaluated
    above = task.parent()
    tags = {"collection": collection, "level": "evaluation", **subspace, **task.tags()}
    with context.tracker.start(
        collection, f"evaluate λ={lambda_:g}", parent=above.id if above else None, tags=tags
    ) as child:
        track_settings(child, [context.catalog.get(uri) for uri in encoders])
        evaluated = evaluate(context, encoders=encoders, run=child)
        for record in chosen:
            if lambda_ == context.experiment.training_of(record.modality).lambda_:
                stored = context.catalog.get(record.encoder)
                newest = as_newest(context, stored)
                if newest.path != stored.path:
                    register(child, context, newest)
        return evaluated


def _check_trained(records: Sequence[TrainedRecord], lambda_: float) -> None:
    """The parameters of evaluations and of trainings are two, and people change one of them."""
    trained: dict[str, list[float]] = {}
    for record in records:
        trained.setdefault(record.modality, []).append(record.weight)
    lacking = [modality for modality, weights in trained.items() if lambda_ not in weights]
    if trained and not lacking:
        return
    whose = "" if len(lacking) == len(trained) else f" of {', '.join(lacking)}"
    said = "; ".join(
        f"{modality} with λ = {', '.join(f'{weight:.12g}' for weight in weights)}"
        for modality, weights in trained.items()
    )
    raise UserError(
        f"no encoder{whose} of this run has λ = {lambda_:.12g}; trained were: {said or 'none'}: "
        "correct the pipeline parameter 'weights', or change 'trainings' too"
    )
