"""The evaluation task: this run's encoders, with the pinned ones of other modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sdml.steps.evaluate import Evaluated, evaluate
from sdml.steps.pipeline.records import Pins, TrainedRecord
from sdml.steps.pipeline.task import Task
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

    The figures stand on the tracking parent; those of one λ on a child of their own.

    Args:
        others: URIs of other modalities' encoders.
    """
    chosen = [r.encoder for r in records if lambda_ is None or r.weight == lambda_]
    encoders = [*chosen, *others.values()]
    context = task.context
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
        return evaluate(context, encoders=encoders, run=child)
