"""What every tracker does alike: in memory, in a SQLite file, on a real server."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sdml.errors import TrackingError, UserError
from sdml.tracking import MemoryTracker, Tracker, open_tracker

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A run as a stranger reads it."""

    experiment: str
    name: str
    parent: str | None
    status: str
    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, list[tuple[int, float]]]
    artifacts: dict[str, bytes]
    datasets: list[tuple[str, str, str, str]]


Read = Callable[[str], Seen]


def read_memory(tracker: MemoryTracker) -> Read:
    def read(run_id: str) -> Seen:
        run = tracker.run(run_id)
        return Seen(
            experiment=run.experiment,
            name=run.name,
            parent=run.parent,
            status=run.status or "running",
            params=run.logged_params,
            tags=run.logged_tags,
            metrics={m.name: run.values(m.name) for m in run.logged_metrics},
            artifacts=run.artifacts,
            datasets=[(d.name, d.digest, d.source, d.context) for d in run.datasets],
        )

    return read


def read_mlflow(client: MlflowClient, scratch: Path) -> Read:
    def files(run_id: str, folder: str | None = None) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for info in client.list_artifacts(run_id, folder):
            if info.is_dir:
                found |= files(run_id, info.path)
            else:
                local = client.download_artifacts(run_id, info.path, str(scratch))
                found[info.path] = Path(local).read_bytes()
        return found

    def read(run_id: str) -> Seen:
        run = client.get_run(run_id)
        return Seen(
            experiment=client.get_experiment(run.info.experiment_id).name,
            name=run.info.run_name,
            parent=run.data.tags.get("mlflow.parentRunId"),
            status=run.info.status.lower(),
            params=run.data.params,
            tags={
                name: value
                for name, value in run.data.tags.items()
                if not name.startswith(("mlflow.", "sdml."))
            },
            metrics={
                name: [(m.step, m.value) for m in client.get_metric_history(run_id, name)]
                for name in run.data.metrics
            },
            artifacts=files(run_id),
            datasets=[
                (
                    one.dataset.name,
                    one.dataset.digest,
                    json.loads(one.dataset.source)["uri"],
                    one.tags[0].value,
                )
                for one in (run.inputs.dataset_inputs if run.inputs else [])
            ],
        )

    return read


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        pytest.param("server", marks=[pytest.mark.server, pytest.mark.slow]),
    ]
)
def tracked(
    request: pytest.FixtureRequest, tmp_path: Path, reader: Callable[[str], MlflowClient]
) -> tuple[Tracker, Read]:
    if request.param == "memory":
        tracker = MemoryTracker()
        return tracker, read_memory(tracker)
    if request.param == "sqlite":
        uri = request.getfixturevalue("uri")
    else:
        uri = request.getfixturevalue("mlflow_server").uri
    (tmp_path / "read").mkdir()
    return (
        open_tracker(uri, spool=tmp_path / "unsent"),
        read_mlflow(reader(uri), tmp_path / "read"),
    )


def test_a_run_reads_back_as_it_was_logged(tracked: tuple[Tracker, Read]) -> None:
    tracker, read = tracked
    with tracker.start("digits", "image", tags={"modality": "image"}) as run:
        run.params({"lambda": 0.5, "hidden": [512, 256], "keys": {"labels": "y"}})
        run.params({"long": "x" * 9000, "λ": "λ"} | {f"many.{i}": i for i in range(150)})
        for epoch in (1, 2):
            run.metrics({"loss/train": 1 / epoch, "lambda": 0.5}, epoch)
        run.metrics({"map/image_to_text": 0.25})
        run.tag({"subspace": "abc", "modality": "picture"})
        run.artifact("figures/curve.png", b"\x89PNG")
        run.text("report.html", "<p>ä</p>")
        run.dataset("digits/image", "d" * 64, "s3://key:secret@bucket/x", "training")
    assert run.finish() is None
    seen = read(run.id)
    assert (seen.experiment, seen.name, seen.status) == ("digits", "image", "finished")
    assert seen.parent is None
    assert len(seen.params) == 154
    assert seen.params["hidden"] == "[512, 256]"
    assert seen.params["keys.labels"] == "y"
    assert seen.params["long"] == "x" * 6000
    assert seen.params["lambda"] == "0.5"
    assert seen.tags == {"modality": "picture", "subspace": "abc"}
    assert seen.metrics == {
        "loss/train": [(1, 1.0), (2, 0.5)],
        "lambda": [(1, 0.5), (2, 0.5)],
        "map/image_to_text": [(0, 0.25)],
    }
    assert seen.artifacts == {
        "figures/curve.png": b"\x89PNG",
        "report.html": "<p>ä</p>".encode(),
    }
    assert seen.datasets == [("digits/image", "d" * 36, "s3://***@bucket/x", "training")]


def test_runs_are_two_levels_deep_at_most(tracked: tuple[Tracker, Read]) -> None:
    tracker, read = tracked
    with tracker.start("digits", "pipeline") as parent:
        child = tracker.start("digits", "image", parent=parent.id)
        grandchild = tracker.start("digits", "deeper", parent=child.id)
        grandchild.finish()
        child.finish("killed")
    assert read(child.id).parent == parent.id
    assert read(child.id).status == "killed"
    assert read(grandchild.id).parent == parent.id


def test_a_later_step_logs_on_the_parent(tracked: tuple[Tracker, Read]) -> None:
    tracker, read = tracked
    with tracker.start("digits", "pipeline") as parent:
        parent.params({"a": 1})
    again = tracker.resume("digits", parent.id, tags={"report": "r"})
    assert again.id == parent.id
    assert read(parent.id).status == "running"
    again.metrics({"map/mean": 0.5})
    again.finish("failed")
    seen = read(parent.id)
    assert (seen.name, seen.status, seen.params) == ("pipeline", "failed", {"a": "1"})
    assert seen.tags == {"report": "r"}
    assert seen.metrics == {"map/mean": [(0, 0.5)]}
    with pytest.raises(TrackingError, match="exist"):
        tracker.resume("digits", "0" * 32)


def test_numbers_that_are_not_finite_are_kept(tracked: tuple[Tracker, Read]) -> None:
    tracker, read = tracked
    with tracker.start("digits", "n") as run:
        run.metrics({"nan": math.nan, "inf": math.inf, "minus": -math.inf}, 1)
    metrics = read(run.id).metrics
    assert math.isnan(metrics["nan"][0][1])
    # MLflow keeps infinity as the largest double.
    assert metrics["inf"][0][1] >= 1.797e308
    assert metrics["minus"][0][1] <= -1.797e308


def test_a_param_never_changes(
    tracked: tuple[Tracker, Read], caplog: pytest.LogCaptureFixture
) -> None:
    tracker, read = tracked
    with tracker.start("digits", "n") as run:
        run.params({"a": 1, "b": 1})
        run.params({"a": 1, "c": 1})
        assert not caplog.records
        run.params({"b": 2, "d": 1})
    assert "param 'b'" in caplog.text
    assert "cannot change to '2'" in caplog.text
    assert read(run.id).params == {"a": "1", "b": "1", "c": "1", "d": "1"}


def test_bad_input_is_refused(tracked: tuple[Tracker, Read]) -> None:
    tracker, _ = tracked
    with pytest.raises(TrackingError, match="exist"):
        tracker.start("digits", "n", parent="0" * 32)
    with tracker.start("digits", "n") as run, pytest.raises(UserError, match="relative path"):
        run.artifact("/etc/passwd", b"")


def test_runs_are_found_by_their_tags(tracked: tuple[Tracker, Read]) -> None:
    tracker, _ = tracked
    assert tracker.find("digits", {"pipeline_run": "p"}) == []
    tags = {"pipeline_run": "p"}
    parent = tracker.start("digits", "pipeline", tags={**tags, "level": "pipeline"})
    first = tracker.start("digits", "image", parent=parent.id, tags=tags)
    second = tracker.start("digits", "text", parent=parent.id, tags=tags)
    other = tracker.start("digits", "text", tags={"pipeline_run": "q"})
    first.finish()
    found = tracker.find("digits", tags)
    assert [run.id for run in found] == [parent.id, first.id, second.id]
    assert [run.name for run in found] == ["pipeline", "image", "text"]
    assert [run.running for run in found] == [True, False, True]
    assert all(run.tags["pipeline_run"] == "p" for run in found)
    (only,) = tracker.find("digits", {**tags, "level": "pipeline"})
    assert only.id == parent.id
    assert tracker.find("others", tags) == []
    for run in (parent, second, other):
        run.finish()
