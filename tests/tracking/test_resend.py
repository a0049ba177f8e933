"""Spools of dead runs, sent later to SQLite files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sdml.errors import TrackingError, UserError
from sdml.tracking import resend
from sdml.tracking.remote import RemoteTracker
from tests.tracking.ledger import Ledger

if TYPE_CHECKING:
    from mlflow import MlflowClient

    Reader = Callable[[str], MlflowClient]

ROOT = Path(__file__).parents[2]


def unsent_run(uri: str, folder: Path, name: str, parent: str | None = None) -> tuple[str, Path]:
    """A run of which a server at ``uri`` knows nothing: its id and its spool."""
    ledger = Ledger(uri)
    ledger.down = True
    tracker = RemoteTracker(ledger, folder, patience=0)
    with tracker.start("digits", name, parent=parent, tags={"modality": name}) as run:
        run.params({"lambda": 0.5})
        run.metrics({"a": 1.0}, 1)
        run.metrics({"a": 2.0}, 2)
        run.artifact("a.bin", b"\x00")
    unsent = run.finish()
    assert unsent is not None
    assert unsent.count == 6
    return run.id, unsent.path


def test_the_run_is_made_with_its_own_times_and_the_spool_goes(
    uri: str, tmp_path: Path, reader: Reader
) -> None:
    _, path = unsent_run(uri, tmp_path, "late")
    made = int(path.stat().st_mtime * 1000)
    os.utime(path, (0, 0))
    assert resend(path) == 6
    assert list(tmp_path.iterdir()) == []
    client = reader(uri)
    experiment = client.get_experiment_by_name("digits")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], "tags.modality = 'late'")
    assert run.info.status == "FINISHED"
    assert run.info.start_time <= run.info.end_time <= made + 5
    history = client.get_metric_history(run.info.run_id, "a")
    assert [(m.step, m.value) for m in history] == [(1, 1.0), (2, 2.0)]
    assert all(run.info.start_time <= m.timestamp <= run.info.end_time for m in history)
    assert [one.path for one in client.list_artifacts(run.info.run_id)] == ["a.bin"]
    with pytest.raises(UserError, match="not there"):
        resend(path)


def test_a_copy_sent_again_makes_no_twin(uri: str, tmp_path: Path, reader: Reader) -> None:
    # The worst interruption: everything was sent and nothing of it was noted.
    _, path = unsent_run(uri, tmp_path, "twin")
    content = path.read_bytes()
    resend(path)
    path.write_bytes(content)
    resend(path)
    client = reader(uri)
    experiment = client.get_experiment_by_name("digits")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], "tags.modality = 'twin'")
    assert len(client.get_metric_history(run.info.run_id, "a")) == 2


@pytest.mark.parametrize("parent_first", [True, False])
def test_parent_and_child_find_each_other_in_any_order(
    uri: str, tmp_path: Path, reader: Reader, parent_first: bool
) -> None:
    name = f"family {parent_first}"
    placeholder, parent = unsent_run(uri, tmp_path, f"{name} parent")
    _, child = unsent_run(uri, tmp_path, f"{name} child", placeholder)
    for path in (parent, child) if parent_first else (child, parent):
        resend(path)
    client = reader(uri)
    experiment = client.get_experiment_by_name("digits")
    assert experiment is not None
    (top,) = client.search_runs([experiment.experiment_id], f"tags.modality = '{name} parent'")
    (below,) = client.search_runs([experiment.experiment_id], f"tags.modality = '{name} child'")
    assert below.data.tags["mlflow.parentRunId"] == top.info.run_id
    assert "mlflow.parentRunId" not in top.data.tags


def test_a_folder_is_sent_whole_and_foreign_files_stay(
    uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    unsent_run(uri, tmp_path, "one")
    unsent_run(uri, tmp_path, "two")
    (tmp_path / "foreign.jsonl").write_text("{}\n")
    assert resend(tmp_path) == 12
    assert [file.name for file in tmp_path.iterdir()] == ["foreign.jsonl"]
    assert "foreign.jsonl is left as it is" in caplog.text
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="must hold"):
        resend(tmp_path / "empty")


def test_a_server_still_down_leaves_the_file(tmp_path: Path) -> None:
    _, path = unsent_run("http://127.0.0.1:9", tmp_path, "n")
    with pytest.raises(TrackingError, match=r"took 0 and 6 are left: Connection refused.*resend"):
        resend(path)
    assert path.exists()


def test_the_server_may_have_moved(uri: str, tmp_path: Path) -> None:
    _, path = unsent_run("http://127.0.0.1:9", tmp_path, "n")
    assert resend(path, uri=uri) == 6


def test_a_run_whose_process_was_killed_is_marked_as_killed(
    uri: str, tmp_path: Path, reader: Reader
) -> None:
    code = (
        "import sys, os, signal; from pathlib import Path\n"
        "from sdml.tracking.remote import RemoteTracker\n"
        "from tests.tracking.ledger import Ledger\n"
        "ledger = Ledger(sys.argv[1]); ledger.down = True\n"
        "run = RemoteTracker(ledger, Path(sys.argv[2])).start('digits', 'shot')\n"
        "run.tag({'modality': 'shot'}); run.metrics({'a': 1.0}, 1)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, uri, str(tmp_path)], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == -9, done.stderr
    (path,) = tmp_path.glob("*.jsonl")
    assert resend(path) == 4
    client = reader(uri)
    experiment = client.get_experiment_by_name("digits")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], "tags.modality = 'shot'")
    assert run.info.status == "KILLED"
    assert run.data.metrics == {"a": 1.0}
