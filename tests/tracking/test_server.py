"""The MLflow backend against a real server that goes away and comes back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sdml.errors import TrackingError
from sdml.tracking import open_registry, open_tracker, resend
from sdml.tracking.address import parse_address
from sdml.tracking.mlflow import MlflowBackend
from sdml.tracking.remote import RemoteTracker
from tests.servers.mlflow import MlflowServer
from tests.servers.mlflow import mlflow_server as running_server

if TYPE_CHECKING:
    from mlflow import MlflowClient

    Reader = Callable[[str], MlflowClient]

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_a_host_name_that_the_server_does_not_allow(
    mlflow_server: MlflowServer, tmp_path: Path
) -> None:
    with pytest.raises(TrackingError, match="--allowed-hosts"):
        open_tracker(mlflow_server.uri_by_name, spool=tmp_path).start("digits", "n")


def test_a_finished_run_prints_nothing(
    mlflow_server: MlflowServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with open_tracker(mlflow_server.uri, spool=tmp_path).start("digits", "n") as run:
        run.metrics({"a": 1.0})
    assert run.finish() is None
    assert capfd.readouterr() == ("", "")


def test_the_documented_searches_find_the_runs(
    mlflow_server: MlflowServer, tmp_path: Path, reader: Reader
) -> None:
    tracker = open_tracker(mlflow_server.uri, spool=tmp_path)
    tags = {"collection": "digits", "modality": "image", "subspace": "abc", "pipeline_run": "p1"}
    tags["level"] = "modality"
    above = {"pipeline_run": "p1", "level": "pipeline", "outcome": "failed"}
    with tracker.start("searched", "pipeline", tags=above) as parent:
        parent.metrics({"map/image_to_text": 0.6, "map/mean": 0.6})
        with tracker.start("searched", "image", parent=parent.id, tags=tags) as child:
            child.params({"lambda": 0.5, "seed": 0})
            child.metrics({"lambda": 0.5, "loss/validation": 0.1}, 1)
        evaluation = {"level": "evaluation"}
        with tracker.start("searched", "evaluate", parent=parent.id, tags=evaluation) as evaluated:
            evaluated.params({"method": "sdml"})
            evaluated.metrics({"lambda": 0.5})
    client = reader(mlflow_server.uri)
    experiment = client.get_experiment_by_name("searched")
    assert experiment is not None
    text = (Path(__file__).parents[2] / "docs" / "tracking.md").read_text()
    section = text.split("## Search", 1)[1].split("```text\n", 1)[1].split("```", 1)[0]
    filters = [line for line in section.splitlines() if line]
    assert len(filters) >= 5
    for one in filters:
        typed = one.replace("PARENT_ID", parent.id)
        found = client.search_runs([experiment.experiment_id], typed)
        assert len(found) == (2 if "PARENT_ID" in one else 1), typed


def test_an_outage_is_ridden_out_and_what_is_left_is_sent_later(
    mlflow_server: MlflowServer,
    tmp_path: Path,
    reader: Reader,
    caplog: pytest.LogCaptureFixture,
) -> None:
    backend = MlflowBackend(parse_address(mlflow_server.uri))
    tracker = RemoteTracker(backend, tmp_path, patience=1)
    rides = RemoteTracker(backend, tmp_path, patience=60).start("digits", "rides it out")
    stuck = tracker.start("digits", "ends while the server is down")
    rides.metrics({"a": 1.0}, 1)
    stuck.metrics({"a": 1.0}, 1)
    time.sleep(1)
    mlflow_server.kill()
    try:
        rides.metrics({"a": 2.0}, 2)
        rides.text("a.txt", "x")
        stuck.metrics({"a": 2.0}, 2)
        stuck.text("a.txt", "y")
        stuck_ended = time.time() * 1000
        unsent = stuck.finish()
        assert unsent is not None
        assert unsent.count == 3
        # A pipeline that starts and ends in the outage.
        top = tracker.start("digits", "top", tags={"pipeline_run": "outage"})
        child = tracker.start("digits", "child", parent=top.id, tags={"modality": "outage"})
        child.metrics({"a": 3.0}, 3)
        left = [child.finish(), top.finish("failed")]
    finally:
        mlflow_server.start()
    assert rides.finish() is None
    assert "takes events again" in caplog.text
    assert resend(unsent.path) == 3
    for one in left:
        assert one is not None
        resend(one.path)
    assert list(tmp_path.iterdir()) == []

    client = reader(mlflow_server.uri)
    for run in (rides, stuck):
        history = client.get_metric_history(run.id, "a")
        assert [(m.step, m.value) for m in history] == [(1, 1.0), (2, 2.0)]
        assert [one.path for one in client.list_artifacts(run.id)] == ["a.txt"]
        assert client.get_run(run.id).info.status == "FINISHED"
    assert abs(client.get_run(stuck.id).info.end_time - stuck_ended) < 1000
    experiment = client.get_experiment_by_name("digits")
    assert experiment is not None
    (seen,) = client.search_runs([experiment.experiment_id], "tags.pipeline_run = 'outage'")
    (below,) = client.search_runs([experiment.experiment_id], "tags.modality = 'outage'")
    assert seen.info.status == "FAILED"
    assert below.data.tags["mlflow.parentRunId"] == seen.info.run_id
    assert below.data.metrics == {"a": 3.0}


def test_a_server_without_a_registry_of_models(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mlflow").mkdir()
    files = {"source.json": b"{}", "transform.json": b"{}"}
    with running_server(tmp_path / "mlflow", "--registry-store-uri", "none://at-all") as server:
        run = open_tracker(server.uri, spool=tmp_path / "unsent").start("digits", "n")
        run.model("digits.image", lambda: files, tags={"encoder": "/store/encoder"})
        run.metrics({"a": 1.0})
        assert run.finish() is None
        assert "keeps no registry of models: the encoder /store/encoder is not" in caplog.text
        with pytest.raises(TrackingError, match="keeps no registry of models"):
            open_registry(server.uri).promote("digits.image", number=1)


def test_a_registration_waits_for_a_server_that_is_down(
    mlflow_server: MlflowServer, tmp_path: Path, reader: Reader
) -> None:
    backend = MlflowBackend(parse_address(mlflow_server.uri))
    tracker = RemoteTracker(backend, tmp_path, patience=0.5)
    run = tracker.start("digits", "late")
    mlflow_server.kill()
    try:
        files = {"source.json": b"{}", "transform.json": b"{}"}
        run.model("digits.late", lambda: files, tags={"encoder": "/store/late"})
        unsent = run.finish()
        assert unsent is not None
    finally:
        mlflow_server.start()
    resend(unsent.path)
    (version,) = reader(mlflow_server.uri).search_model_versions("name = 'digits.late'")
    assert (version.run_id, version.tags) == (run.id, {"encoder": "/store/late"})
