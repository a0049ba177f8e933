"""What a tracked evaluation says of itself in Markdown: figures, what was run, how to repeat it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sdml.experiment import Experiment, dump_experiment
from sdml.report import Clustering, Extras
from sdml.retrieval import CrossModalResult
from sdml.retrieval.recall import DEPTHS
from sdml.store import Version
from sdml.tracking import TAG_CHARACTERS, mask

EXPERIMENT_FILE = "experiment.yaml"


def description(
    result: CrossModalResult,
    extras: Extras,
    encoders: Sequence[Version],
    report: str,
    experiment: Experiment,
) -> str:
    """Markdown of at most the length that MLflow takes.

    Args:
        result: average precision.
        extras: what else was found.
        encoders: those evaluated.
        report: URI of the report.
        experiment: whose modalities can be trained again with this run's file.
    """
    parts = [
        *(map_table(result, similarity) for similarity in result.similarities),
        _beside(extras),
        _encoders(encoders),
        f"Report: `{report}`",
        _commands(experiment, [v.manifest.modality or "" for v in encoders]),
    ]
    text = "\n\n".join(part for part in parts if part)
    if len(text) <= TAG_CHARACTERS:
        return text
    # so many modalities: the tables stand in the report
    means = ", ".join(f"{s} **{result.mean_map(s):.3f}**" for s in result.similarities)
    return "\n\n".join([f"Mean mAP: {means}", *parts[-2:]])[:TAG_CHARACTERS]


def map_table(result: CrossModalResult, similarity: Any) -> str:
    """mAP over the whole ranking: queries down, galleries across."""
    names = result.modalities
    lines = [
        f"**mAP, {similarity}: mean {result.mean_map(similarity):.3f}**, chance "
        f"{result.mean_chance():.3f}",
        "",
        "| query \\ gallery | " + " | ".join(names) + " |",
        "|---|" + "---|" * len(names),
    ]
    for query in names:
        cells = [
            "–" if query == gallery else f"{result.pair(query, gallery, similarity).map:.3f}"
            for gallery in names
        ]
        lines.append(f"| {query} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def encoder_rows(encoders: Sequence[Version]) -> list[Mapping[str, Any]]:
    """λ, method, epochs, seed and path of each encoder, as its manifest says."""
    return [
        {
            "modality": version.manifest.modality,
            **{key: version.manifest.settings.get(key, "?") for key in ("lambda", "method")},
            "epochs": version.manifest.settings.get("epochs", "?"),
            "seed": version.manifest.seed,
            "encoder": version.path,
        }
        for version in encoders
    ]


def _encoders(encoders: Sequence[Version]) -> str:
    rows = encoder_rows(encoders)
    names = list(rows[0])
    lines = ["| " + " | ".join(names).replace("lambda", "λ") + " |", "|---" * len(names) + "|"]
    lines += ["| " + " | ".join(f"{row[name]}" for name in names) + " |" for row in rows]
    return "\n".join(lines)


def _beside(extras: Extras) -> str:
    lines = []
    for similarity in dict.fromkeys(result.similarity for result in extras.recall):
        means = mean_recall(extras, similarity)
        said = ", ".join(f"R@{k} {means[k]:.3f}" for k in DEPTHS)
        what = "the item of the same row" if extras.pairs else "any relevant item"
        lines.append(f"- {similarity}: {said} ({what}, mean of the directions)")
    if isinstance(extras.clustering, Clustering):
        found = extras.clustering
        lines.append(
            f"- clusters of all codes: AMI {found.ami:.3f}, NMI {found.nmi:.3f}, "
            f"ARI {found.ari:.3f}"
        )
    return "\n".join(lines)


def mean_recall(extras: Extras, similarity: str) -> dict[int, float]:
    """R@K for each depth, as the mean over the directions."""
    found = [result.recall for result in extras.recall if result.similarity == similarity]
    return {
        k: sum(recall[place] for recall in found) / len(found) for place, k in enumerate(DEPTHS)
    }


def repeatable(experiment: Experiment, encoders: Sequence[Version]) -> str:
    """The experiment file with the λ that these encoders were trained with, without credentials.

    A sweep trains with others than the file's.
    """
    modalities = dict(experiment.modalities)
    for version in encoders:
        name, used = version.manifest.modality or "", version.manifest.settings.get("lambda")
        if name in modalities and used not in (None, experiment.training_of(name).lambda_):
            training = {**modalities[name].training, "lambda": used}
            modalities[name] = modalities[name].model_copy(update={"training": training})
    made = experiment.model_copy(update={"modalities": modalities})
    return mask(dump_experiment(made))


def _commands(experiment: Experiment, modalities: Sequence[str]) -> str:
    here = [name for name in modalities if name in experiment.modalities]
    here.sort(key=lambda name: experiment.training_of(name).method == "mtls")  # after its partner
    trains = [f"sdml train {EXPERIMENT_FILE} --modality {name}" for name in here]
    lines = [
        f"sdml prepare {EXPERIMENT_FILE}",
        *trains,
        f"sdml evaluate {EXPERIMENT_FILE}",
    ]
    return (
        f"To repeat it, with `{EXPERIMENT_FILE}` from this run's artifacts:\n\n```sh\n"
        + "\n".join(lines)
        + "\n```"
        + (
            ""
            if len(here) == len(modalities)
            else "\n\nThe other encoders were in the store already."
        )
    )
