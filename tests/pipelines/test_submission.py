"""Submission with kfp's own client, to a server of a few lines on the loopback interface."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipelines.submission import SubmissionError, submit
from sdml.errors import UserError
from sdml.experiment import Experiment, read_experiment

Answers = dict[str, tuple[int, Any]]

GOOD: Answers = {
    "GET healthz": (200, {"multi_user": False}),
    "GET experiments": (200, {"experiments": [], "total_size": 0}),
    "POST experiments": (200, {"experiment_id": "e-1", "display_name": "tiny"}),
    "POST runs": (200, {"run_id": "r-7", "experiment_id": "e-1"}),
}


class Server:
    """Answers by method and last part of the path; keeps what it was sent."""

    def __init__(self, answers: Answers) -> None:
        self.sent: list[tuple[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                name = self.path.split("?")[0].rsplit("/", 1)[-1]
                asked = f"{self.command} {name}"
                outer.sent.append((asked, json.loads(body) if body else None))
                status, answer = answers.get(asked, (404, {}))
                data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _answer

            def log_request(self, code: Any = "-", size: Any = "-") -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Answers], Server]]:
    """Starts servers that end with the test; kfp's settings are read from an empty home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    started = []

    def start(answers: Answers) -> Server:
        started.append(Server(answers))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def experiment(experiment_file: Path) -> Experiment:
    return read_experiment(experiment_file)


def test_starts_a_run(
    serve: Callable[[Answers], Server],
    experiment: Experiment,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = serve(GOOD)
    assert submit("train", experiment, modalities=None, host=server.host) == "r-7"
    bodies = dict(server.sent)
    assert bodies["POST experiments"]["display_name"] == "tiny"
    run = bodies["POST runs"]
    assert run["experiment_id"] == "e-1"
    assert run["display_name"] == "tiny train"
    assert run["pipeline_spec"]["pipelineInfo"]["name"] == "sdml-train"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("where", "status", "words"),
    [
        ("GET healthz", 302, "wants a login"),
        ("GET healthz", 401, "does not know you"),
        ("GET healthz", 403, "ask for access"),
        ("GET healthz", 404, "check --host"),
        ("GET healthz", 500, "the server's log"),
        ("GET experiments", 401, "does not know you"),
        ("POST experiments", 403, "ask for access"),
        ("POST runs", 403, "ask for access"),
    ],
)
def test_a_refusal_is_told_with_what_to_do(
    serve: Callable[[Answers], Server],
    experiment: Experiment,
    where: str,
    status: int,
    words: str,
) -> None:
    server = serve({**GOOD, where: (status, {})})
    with pytest.raises(SubmissionError, match=f"refused with {status}.*{words}") as refused:
        submit("train", experiment, modalities=None, host=server.host)
    assert refused.value.exit_code == 1
    assert str(refused.value).startswith(server.host)


def test_an_unreachable_host_is_told_at_once(experiment: Experiment) -> None:
    begin = time.monotonic()
    with pytest.raises(SubmissionError, match="no Kubeflow Pipelines server answers"):
        submit("train", experiment, modalities=None, host="http://127.0.0.1:1")
    # kfp's own client would try for 25 seconds.
    assert time.monotonic() - begin < 15


def test_another_kind_of_server_is_told(
    serve: Callable[[Answers], Server], experiment: Experiment
) -> None:
    server = serve({"GET healthz": (200, "<html>a login page</html>")})
    with pytest.raises(SubmissionError, match="not a Kubeflow Pipelines server"):
        submit("train", experiment, modalities=None, host=server.host)


def test_a_host_is_a_web_address(experiment: Experiment) -> None:
    with pytest.raises(UserError, match="--host must be a web address"):
        submit("train", experiment, modalities=None, host="localhost:8080")
