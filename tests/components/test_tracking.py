"""All components of a sweep in turn, with MLflow: one parent, and the right children."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.begin.component import begin
from components.evaluate.component import evaluate
from components.finish.component import finish
from components.gather.component import gather
from components.prepare.component import prepare
from components.train.component import train

Make = Callable[..., Any]


@pytest.fixture
def tracked(experiment: str, tmp_path: Path) -> str:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    return json.dumps({**json.loads(experiment), "tracking": uri})


def final(state: str, message: str | None = None) -> dsl.PipelineTaskFinalStatus:
    """What Kubeflow hands to the exit task."""
    return dsl.PipelineTaskFinalStatus(
        state=state,
        pipeline_job_resource_name="",
        pipeline_task_name="",
        error_code=None,
        error_message=message,
    )


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
    weights, names, encoders, figures = (0.1, 0.9), ["image", "text"], [], []
    prepared, gathered = artifact(dsl.Dataset), artifact()
    inputs, others = begin.python_func(tracked, names, False, "sweep")
    prepare.python_func(tracked, names, False, inputs, prepared)
    for weight in weights:
        for modality in names:
            encoders.append(artifact(dsl.Model))
            metrics = artifact(dsl.Metrics)
            train.python_func(tracked, modality, weight, prepared, encoders[-1], metrics)
    gather.python_func(encoders, gathered)
    for weight in weights:
        metrics, report = artifact(dsl.Metrics), artifact(dsl.HTML)
        evaluate.python_func(tracked, prepared, gathered, others, metrics, report, weight)
        figures.append(metrics.metadata)
    finish.python_func(tracked, final("SUCCEEDED"))

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
        logged = {name: run.data.metrics[name] for name in (*expected, "lambda")}
        assert logged == pytest.approx({**expected, "lambda": weight})


def test_a_failed_task_is_named_on_the_parent(
    tracked: str, artifact: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs, _ = begin.python_func(tracked, ["image"], False, "train")
    Path(json.loads(tracked)["modalities"]["image"]["source"]).write_bytes(b"no archive")
    with pytest.raises(SystemExit):
        prepare.python_func(tracked, ["image"], False, inputs, artifact(dsl.Dataset))
    finish.python_func(tracked, final("FAILED", "a task has failed"))
    assert "sdml: failed task: prepare" in capsys.readouterr().out
    [parent] = runs_of(tracked)
    assert parent.info.status == "FAILED"
    assert parent.data.tags["outcome"] == "failed"
    assert parent.data.tags["failed_task"] == "prepare"
    assert "has changed" in parent.data.tags["error"]
