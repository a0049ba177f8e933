"""Things that answer at an address but are no MLflow server in working order."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sdml.errors import TrackingError
from sdml.tracking.address import parse_address
from sdml.tracking.mlflow import MlflowBackend
from sdml.tracking.remote import RemoteTracker


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A web server with one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"ann:secret@127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def tracker_of(tmp_path: Path) -> Callable[[str], RemoteTracker]:
    def make(host: str) -> RemoteTracker:
        return RemoteTracker(
            MlflowBackend(parse_address(f"http://{host}")), tmp_path / "unsent", patience=0
        )

    return make


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, b"no", "MLFLOW_TRACKING_USERNAME"),
        (403, b"Invalid Host header - possible attack", "--allowed-hosts"),
        (404, b"no", "check the address"),
        (200, b"<html>a welcome page</html>", "JSON"),
    ],
)
def test_a_refusal_ends_the_start(
    tracker_of: Callable[[str], RemoteTracker],
    tmp_path: Path,
    status: int,
    body: bytes,
    message: str,
) -> None:
    with answering(status, body) as host, pytest.raises(TrackingError, match=message) as caught:
        tracker_of(host).start("e", "n")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is not None
    assert not (tmp_path / "unsent").exists()


def assert_kept(run_of: Callable[[], RemoteTracker], caplog: pytest.LogCaptureFixture) -> None:
    run = run_of().start("e", "n")
    run.metrics({"a": 1.0})
    unsent = run.finish()
    assert unsent is not None
    assert unsent.count == 3
    assert "secret" not in unsent.path.read_text() + caplog.text


def test_a_server_in_trouble_is_waited_for(
    tracker_of: Callable[[str], RemoteTracker], caplog: pytest.LogCaptureFixture
) -> None:
    with answering(503, b"later") as host:
        assert_kept(lambda: tracker_of(host), caplog)
    assert "503" in caplog.text


def test_a_server_that_is_gone_is_waited_for(
    tracker_of: Callable[[str], RemoteTracker], caplog: pytest.LogCaptureFixture
) -> None:
    with answering(200, b"") as host:
        pass
    assert_kept(lambda: tracker_of(host), caplog)
    assert "(Connection refused)" in caplog.text


def test_a_server_that_never_answers_is_waited_for(
    tracker_of: Callable[[str], RemoteTracker],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert_kept(lambda: tracker_of(f"127.0.0.1:{silent.getsockname()[1]}"), caplog)
    assert "no answer in time" in caplog.text
