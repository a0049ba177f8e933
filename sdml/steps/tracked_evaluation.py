"""How an evaluation is tracked: figures, files, the data used, and a description for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdml.report import Clustering, Extras
from sdml.retrieval import CrossModalResult
from sdml.steps.context import Context, origin
from sdml.steps.description import EXPERIMENT_FILE, description, mean_recall, repeatable
from sdml.steps.tracked_data import log_dataset
from sdml.store import Version
from sdml.tracking import Run


@dataclass(frozen=True)
class Tracked:
    """What an evaluation found, and the files of its report by name."""

    metrics: Mapping[str, float]
    result: CrossModalResult
    extras: Extras
    encoders: Sequence[Version]
    report: Version
    objects: Mapping[str, bytes]


def track_settings(run: Run, encoders: Sequence[Version]) -> None:
    """λ, method and seed as params, and λ as a metric too: where all the encoders agree."""
    settings = [{**v.manifest.settings, "seed": v.manifest.seed} for v in encoders]
    for name in ("lambda", "method", "seed"):
        values = {one.get(name) for one in settings}
        if len(values) > 1:
            continue
        (value,) = values
        run.params({name: value})
        if name == "lambda" and isinstance(value, int | float):
            run.metrics({name: value})


def track(run: Run, context: Context, found: Tracked) -> None:
    """Log an evaluation on a run (docs/tracking.md has the names)."""
    first = found.result.similarities[0]
    recall = mean_recall(found.extras, first)
    run.params({"similarity": first})
    run.metrics(
        {
            **found.metrics,
            **{f"map_{s}/mean": found.result.mean_map(s) for s in found.result.similarities},
            **{f"recall_at_{k}/mean": v for k, v in recall.items()},
        }
    )
    if isinstance(found.extras.clustering, Clustering):
        scores = found.extras.clustering
        run.metrics(
            {
                "clustering/ami": scores.ami,
                "clustering/nmi": scores.nmi,
                "clustering/ari": scores.ari,
            }
        )
    split = context.experiment.evaluation.split
    for encoder in found.encoders:
        log_dataset(run, context.catalog.get(origin(encoder, "features")), split)
    run.tag({"report": found.report.uri})
    run.describe(
        description(
            found.result, found.extras, found.encoders, found.report.uri, context.experiment
        )
    )
    for name, data in found.objects.items():
        run.artifact(f"report/{name}", data)
    run.text(EXPERIMENT_FILE, repeatable(context.experiment, found.encoders))
