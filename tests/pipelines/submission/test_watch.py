"""Following a run to its end, over outages of the server and of the token."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import kfp_server_api as api
import pytest

from pipelines.submission import Connection, SubmissionError, watch
from pipelines.submission.credentials import TokenFile
from pipelines.submission.tasks import Task
from sdml.errors import UserError
from tests.servers.kubeflow import KubeflowServer, Refusal
from tests.servers.kubeflow_tasks import workflow_tasks

RUN = "/apis/v2beta1/runs/r-1"


class Recorder:
    """A display that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.notes: list[str] = []
        self.on_note: Callable[[], None] = lambda: None

    def update(self, state: str, tasks: Sequence[Task]) -> None:
        self.seen.append((state, {task.name: task.state for task in tasks}))

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.on_note()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(autouse=True)
def _a_run(server: KubeflowServer) -> None:
    server.runs.append(api.V2beta1Run(run_id="r-1", display_name="tiny train"))


def scene(state: str, tasks: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"state": state, "tasks": workflow_tasks(tasks), **more}


def test_states_are_shown_until_success(
    server: KubeflowServer, connection: Connection, recorder: Recorder
) -> None:
    server.play = [
        {"state": "PENDING"},
        scene("RUNNING", {"prepare": "RUNNING"}),
        scene("RUNNING", {"prepare": "SUCCEEDED", "train/0": "RUNNING", "train/1": "PENDING"}),
        scene("SUCCEEDED", {"prepare": "SUCCEEDED", "train/0": "SUCCEEDED", "train/1": "SKIPPED"}),
    ]
    watch(connection, "r-1", recorder, seconds=0.01)
    assert recorder.seen == [
        ("PENDING", {}),
        ("RUNNING", {"prepare": "RUNNING"}),
        ("RUNNING", {"prepare": "SUCCEEDED", "train #1": "RUNNING", "train #2": "PENDING"}),
        ("SUCCEEDED", {"prepare": "SUCCEEDED", "train #1": "SUCCEEDED", "train #2": "SKIPPED"}),
    ]
    assert recorder.notes == []


def test_a_failure_names_the_task_and_its_error(
    server: KubeflowServer, connection: Connection, recorder: Recorder
) -> None:
    tasks = {"prepare": "SUCCEEDED", "train/0": "SUCCEEDED", "train/1": "FAILED"}
    errors = {"train/1": "OOMKilled (exit code 137)"}
    failed = {"state": "FAILED", "tasks": workflow_tasks(tasks, errors=errors)}
    server.play = [scene("RUNNING", {"prepare": "RUNNING"}), failed]
    with pytest.raises(SubmissionError, match=r"task train #2: OOMKilled \(exit code 137\)") as end:
        watch(connection, "r-1", recorder, seconds=0.01)
    assert f"{server.host}/#/runs/details/r-1" in str(end.value)
    assert end.value.exit_code == 1


def test_a_failure_without_a_task_gives_the_words_of_the_run(
    server: KubeflowServer, connection: Connection, recorder: Recorder
) -> None:
    error = api.GoogleRpcStatus(code=13, message="exceeded quota: pods=0")
    server.play = [{"state": "FAILED", "error": error}]
    with pytest.raises(SubmissionError, match="the run failed: exceeded quota: pods=0"):
        watch(connection, "r-1", recorder)


@pytest.mark.parametrize(
    ("state", "words"), [("CANCELED", "ended by somebody"), ("SKIPPED", "skipped by the server")]
)
def test_an_end_without_success_is_an_error(
    server: KubeflowServer, connection: Connection, recorder: Recorder, state: str, words: str
) -> None:
    server.play = [{"state": "CANCELING"}, {"state": state}]
    with pytest.raises(SubmissionError, match=words):
        watch(connection, "r-1", recorder, seconds=0.01)


def test_a_restart_of_the_server_is_waited_for(
    server: KubeflowServer, connection: Connection, recorder: Recorder
) -> None:
    server.play = [{"state": "RUNNING"}]
    answered = threading.Event()
    server.after_get_run = lambda _: answered.set()

    def stop() -> None:
        answered.wait(10)
        server.stop()

    def start() -> None:  # once the outage is noticed
        server.play = [{"state": "SUCCEEDED"}]
        server.start()

    recorder.on_note = start
    stopping = threading.Thread(target=stop)
    stopping.start()
    watch(connection, "r-1", recorder, seconds=0.01)
    stopping.join()
    assert recorder.seen[-1] == ("SUCCEEDED", {})
    [note] = recorder.notes
    assert "the run goes on" in note


def test_a_server_that_stays_away_is_given_up(
    server: KubeflowServer, connection: Connection, recorder: Recorder
) -> None:
    server.play = [{"state": "RUNNING"}]
    server.gate = lambda asked, _: Refusal(503, "upgrading") if recorder.seen else None
    now = iter(range(0, 10_000, 400))
    with pytest.raises(SubmissionError, match=r"503.*given up after 900 seconds") as end:
        watch(connection, "r-1", recorder, seconds=0.01, clock=lambda: float(next(now)))
    assert "may still go on" in str(end.value)
    assert len(recorder.notes) == 1


def test_a_renewed_token_file_is_read_again(
    server: KubeflowServer, recorder: Recorder, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    server.tokens = {"first"}
    server.play = [{"state": "RUNNING"}, {"state": "RUNNING"}, {"state": "SUCCEEDED"}]

    def expire(number: int) -> None:
        if number == 1:
            server.tokens = {"second"}

    def renew() -> None:
        token.write_text("second\n")

    server.after_get_run = expire
    recorder.on_note = renew
    watch(Connection(server.host, credentials=TokenFile(token)), "r-1", recorder, seconds=0.01)
    sent = [asked.headers["authorization"] for asked in server.asked]
    assert sent == ["Bearer first", "Bearer first", "Bearer second", "Bearer second"]
    [note] = recorder.notes
    assert "401" in note
    assert str(token) in note


def test_a_wrong_token_at_the_start_ends_it(
    server: KubeflowServer, recorder: Recorder, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("stolen-goods")
    server.tokens = {"right"}
    with pytest.raises(UserError, match="401") as refused:
        watch(Connection(server.host, credentials=TokenFile(token)), "r-1", recorder)
    assert "stolen-goods" not in str(refused.value)


def test_an_unknown_run_is_told(connection: Connection, recorder: Recorder) -> None:
    with pytest.raises(UserError, match="there is no run 'r-2'"):
        watch(connection, "r-2", recorder)


def test_rights_that_are_taken_away_end_it(
    server: KubeflowServer, connection: Connection, recorder: Recorder
) -> None:
    server.play = [{"state": "RUNNING"}]
    server.gate = lambda asked, _: Refusal(403, "no more") if recorder.seen else None
    with pytest.raises(UserError, match="403"):
        watch(connection, "r-1", recorder, seconds=0.01)
