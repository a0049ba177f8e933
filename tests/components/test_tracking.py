"""All components of a sweep in turn, with MLflow: one parent, and the right children."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.evaluate.component import evaluate
from components.gather.component import gather
from components.prepare.component import prepare
from components.train.component import train

Make = Callable[..., Any]


@pytest.fixture
def tracked(experiment: str, tmp_path: Path) -> str:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    return json.dumps({**json.loads(experiment), "tracking": uri})


def runs_of(experiment: str) -> list[Any]:
    """What a stranger reads from the database, in the order of starting."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient

        client = MlflowClient(json.loads(experiment)["tracking"])
        [collection] = [e for e in client.search_experiments() if e.name == "tiny"]
        return list(client.search_runs([collection.experiment_id], order_by=["start_time ASC"]))


def test_a_sweep_has_a_child_for_each_training_and_each_evaluation(
    tracked: str, artifact: Make
) -> None:
    weights, encoders, figures = (0.1, 0.9), [], []
    prepared, gathered = artifact(dsl.Dataset), artifact()
    prepare.python_func(tracked, ["image", "text"], False, "sweep", "run-1", prepared)
    for weight in weights:
        for modality in ("image", "text"):
            encoders.append(artifact(dsl.Model))
            metrics = artifact(dsl.Metrics)
            train.python_func(tracked, modality, prepared, encoders[-1], metrics, weight)
    gather.python_func(encoders, gathered)
    for weight in weights:
        metrics = artifact(dsl.Metrics)
        evaluate.python_func(tracked, prepared, gathered, metrics, artifact(dsl.HTML), weight)
        figures.append(metrics.metadata)

    parent, *children = runs_of(tracked)
    assert parent.info.run_name == "sweep"
    assert "mlflow.parentRunId" not in parent.data.tags
    assert parent.data.tags["collection"] == "tiny"
    assert {run.info.status for run in (parent, *children)} == {"FINISHED"}
    for run in children:
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.tags["pipeline_run"] == "run-1"
    for run, encoder in zip(children[:4], encoders, strict=True):
        modality, weight = encoder.metadata["modality"], encoder.metadata["lambda"]
        assert run.info.run_name == f"{modality} λ={weight:g}"
        assert run.data.tags["modality"] == modality
        assert run.data.tags["encoder"] == encoder.metadata["encoder"]
        assert run.data.params["lambda"] == str(weight)
        assert run.data.metrics["lambda"] == weight
    for run, weight, expected in zip(children[4:], weights, figures, strict=True):
        assert run.info.run_name == f"evaluate λ={weight:g}"
        assert run.data.params["lambda"] == str(weight)
        assert run.data.metrics == pytest.approx({**expected, "lambda": weight})
