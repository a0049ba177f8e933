"""The MLflow backend on SQLite files: processes, noise, adoption, experiments, failures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sdml.errors import TrackingError
from sdml.tracking import open_tracker
from sdml.tracking.address import parse_address
from sdml.tracking.mlflow import MlflowBackend
from tests.tracking.test_events import EVENTS

if TYPE_CHECKING:
    from mlflow import MlflowClient

    Reader = Callable[[str], MlflowClient]

ROOT = Path(__file__).parents[2]

_RUN = """
import sys
from sdml.tracking import open_tracker
with open_tracker(sys.argv[1]).start("digits", sys.argv[2]) as run:
    run.metrics({"a": 1.0}, 1)
    run.text("a.txt", "x")
print(run.id)
"""


@pytest.mark.slow
def test_two_processes_may_start_on_a_new_file_and_stay_quiet(
    tmp_path: Path, reader: Reader
) -> None:
    uri = f"sqlite:///{tmp_path}/new/folder/mlflow.db"
    (tmp_path / "cwd").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _RUN, uri, f"run {number}"],
            cwd=tmp_path / "cwd",
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert [error for _, error in outputs] == ["", ""]
    ids = [out.strip() for out, _ in outputs]
    client = reader(uri)
    experiment = client.get_experiment_by_name("digits")
    assert experiment is not None
    assert experiment.artifact_location == f"file://{tmp_path}/new/folder/mlartifacts"
    runs = client.search_runs([experiment.experiment_id])
    assert {run.info.run_id for run in runs} == set(ids)
    for run in runs:
        assert run.info.status == "FINISHED"
        assert run.data.metrics == {"a": 1.0}
    artifact = tmp_path / "new" / "folder" / "mlartifacts" / ids[0] / "artifacts" / "a.txt"
    assert artifact.read_text() == "x"
    # Nothing appears where the process happens to stand.
    assert list((tmp_path / "cwd").iterdir()) == []
    assert list((tmp_path / "new" / "folder" / "unsent").iterdir()) == []


def test_the_same_event_twice_changes_nothing(uri: str, reader: Reader) -> None:
    backend = MlflowBackend(parse_address(uri))
    run = open_tracker(uri).start("digits", "twice")
    for _ in range(2):
        for event in EVENTS:
            assert backend.send(run.id, event) is None
    run.finish()
    client = reader(uri)
    assert len(client.get_metric_history(run.id, "a")) == 1
    seen = client.get_run(run.id).inputs
    assert seen is not None
    assert len(seen.dataset_inputs) == 1


def test_more_metrics_than_one_call_takes(uri: str, reader: Reader) -> None:
    with open_tracker(uri).start("digits", "many") as run:
        run.metrics({f"m{i}": float(i) for i in range(2300)}, 1)
    client = reader(uri)
    assert client.get_run(run.id).data.metrics == {f"m{i}": float(i) for i in range(2300)}


def test_an_injected_run_is_continued_and_gets_the_children(
    uri: str, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = reader(uri)
    elsewhere = client.create_experiment("pipeline")
    made = client.create_run(elsewhere, run_name="made by a pipeline")
    client.log_param(made.info.run_id, "lambda", "0.1")
    monkeypatch.setenv("MLFLOW_RUN_ID", made.info.run_id)
    tracker = open_tracker(uri)
    with tracker.start("digits", "parent", tags={"pipeline_run": "p1"}) as parent:
        parent.params({"lambda": 0.5, "epochs": 3})
        with tracker.start("digits", "image", parent=parent.id) as child:
            pass
    assert parent.id == made.info.run_id
    seen = client.get_run(parent.id)
    assert seen.data.tags["pipeline_run"] == "p1"
    assert seen.data.params == {"lambda": "0.1", "epochs": "3"}
    assert seen.info.run_name == "made by a pipeline"
    assert seen.info.status == "FINISHED"
    below = client.get_run(child.id)
    assert below.data.tags["mlflow.parentRunId"] == parent.id
    assert below.info.experiment_id == elsewhere
    assert os.environ["MLFLOW_RUN_ID"] == made.info.run_id


def test_children_of_an_injected_run_that_is_nested_stay_on_its_level(
    uri: str, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = open_tracker(uri)
    with tracker.start("digits", "pipeline") as top:
        task = tracker.start("digits", "task", parent=top.id)
        task.finish()
    monkeypatch.setenv("MLFLOW_RUN_ID", task.id)
    with tracker.start("digits", "parent") as adopted:
        child = tracker.start("digits", "image", parent=adopted.id)
        child.finish()
    assert adopted.id == task.id
    assert reader(uri).get_run(child.id).data.tags["mlflow.parentRunId"] == top.id


def test_an_injected_run_that_does_not_exist(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "f" * 32)
    with pytest.raises(TrackingError, match=r"MLFLOW_RUN_ID\) must name a run that exists"):
        open_tracker(uri).start("digits", "n")


def test_deleted_things_are_named_with_the_way_back(uri: str, reader: Reader) -> None:
    client = reader(uri)
    number = client.create_experiment("gone")
    run = client.create_run(number)
    client.delete_run(run.info.run_id)
    with pytest.raises(TrackingError, match="mlflow runs restore --run-id"):
        open_tracker(uri).start("gone", "n", parent=run.info.run_id)
    client.delete_experiment(number)
    with pytest.raises(TrackingError, match=f"mlflow experiments restore.*-id {number}"):
        open_tracker(uri).start("gone", "n")


@pytest.mark.slow
def test_a_database_of_another_mlflow_is_refused_at_once(tmp_path: Path) -> None:
    import sqlite3

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    open_tracker(uri).start("digits", "n").finish()
    connection = sqlite3.connect(tmp_path / "mlflow.db")
    connection.execute("UPDATE alembic_version SET version_num = 'older'")
    connection.commit()
    connection.close()
    with pytest.raises(TrackingError, match="db upgrade"):
        # Another spelling of the path: MLflow remembers a database by its address.
        open_tracker(f"sqlite:///{tmp_path}/./mlflow.db").start("digits", "n")


@pytest.mark.slow
def test_no_global_state_of_mlflow_changes(uri: str) -> None:
    code = (
        "import sys, os, json, warnings; warnings.simplefilter('ignore')\n"
        "import mlflow; before = mlflow.get_tracking_uri()\n"
        "from sdml.tracking import open_tracker\n"
        "os.environ['MLFLOW_HTTP_REQUEST_TIMEOUT'] = '33'\n"
        "with open_tracker(sys.argv[1]).start('digits', 'n') as run:\n"
        "    active = mlflow.active_run()\n"
        "print(json.dumps([before == mlflow.get_tracking_uri(), active,"
        " os.environ['MLFLOW_HTTP_REQUEST_TIMEOUT'], os.environ['MLFLOW_DISABLE_TELEMETRY']]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, uri], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [True, None, "33", "true"]
