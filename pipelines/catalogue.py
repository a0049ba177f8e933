"""The pipelines by name, and the arguments that an experiment file gives each of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

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
        modalities: which ones; all of the file by default.

    Raises:
        ExperimentError: the file has no such modality.
    """
    chosen = list(modalities or experiment.modalities)
    unknown = [m for m in chosen if m not in experiment.modalities]
    if unknown:
        raise ExperimentError(
            f"modality {unknown[0]!r} is not in the experiment file, "
            f"which has: {', '.join(experiment.modalities)}"
        )
    arguments: dict[str, Any] = {
        "experiment": _one_line(experiment),
        "modalities": chosen,
    }
    if name == sweep.NAME:
        weights = list(experiment.sweep.lambdas)
        arguments["weights"] = weights
        arguments["cases"] = [{"modality": m, "weight": w} for w in weights for m in chosen]
    return arguments


def _one_line(experiment: Experiment) -> str:
    """The experiment as JSON, which is YAML: kfp writes defaults into a one-line comment."""
    return json.dumps(yaml.safe_load(dump_experiment(experiment)), ensure_ascii=False)
