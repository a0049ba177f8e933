"""The pipelines by name, and the arguments that an experiment file gives each of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import yaml
from kfp.dsl.base_component import BaseComponent

from pipelines import new_modality, sweep, train
from sdml.errors import ExperimentError
from sdml.experiment import Experiment, dump_experiment

BUILDERS: dict[str, Callable[[int | None], BaseComponent]] = {
    train.NAME: train.build,
    new_modality.NAME: new_modality.build,
    sweep.NAME: sweep.build,
}


def arguments_for(
    name: str, experiment: Experiment, *, modalities: Sequence[str] | None
) -> dict[str, Any]:
    """Pipeline parameters for one run.

    Args:
        name: a key of :data:`BUILDERS`.
        modalities: which ones; all of the file by default. A name given twice counts once.

    Raises:
        ExperimentError: the file has no such modality, there are too few of them, or the
            tracking address holds a password, which every parameter of a run would show.
    """
    arguments: dict[str, Any] = {
        "experiment": _one_line(experiment),
        "modalities": _chosen(name, experiment, modalities),
    }
    if name == sweep.NAME:
        weights = list(experiment.sweep.lambdas)
        arguments["weights"] = weights
        arguments["cases"] = [
            {"modality": m, "weight": w} for w in weights for m in arguments["modalities"]
        ]
    return arguments


def _chosen(name: str, experiment: Experiment, modalities: Sequence[str] | None) -> list[str]:
    chosen = list(dict.fromkeys(experiment.modalities if modalities is None else modalities))
    have = ", ".join(experiment.modalities)
    unknown = [m for m in chosen if m not in experiment.modalities]
    if unknown:
        raise ExperimentError(
            f"modality {unknown[0]!r} is not in the experiment file, which has: {have}"
        )
    if not chosen:
        raise ExperimentError(
            f"a pipeline run needs at least one modality, none was named: choose from {have}"
        )
    if len(chosen) < 2 and name != new_modality.NAME:
        raise ExperimentError(
            f"the {name} pipeline compares modalities with each other and needs at least two, "
            f"not only {chosen[0]!r}: name another, or use the {new_modality.NAME} pipeline to "
            "train one beside those that are stored"
        )
    return chosen


def _one_line(experiment: Experiment) -> str:
    """The experiment as JSON, which is YAML, in ASCII and on one line.

    KFP writes a parameter's default into the header comment of the compiled file as it is: at
    any character that breaks a line in YAML the rest would leave the comment.
    """
    if "@" in urlsplit(experiment.tracking or "").netloc:
        raise ExperimentError(
            "tracking: a pipeline's parameters are readable by many, so the address must not hold "
            "a user or password: take it out and set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD where the tasks run"
        )
    return json.dumps(yaml.safe_load(dump_experiment(experiment)))
