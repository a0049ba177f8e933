"""The S3 store and servers that fail: a loopback server whose every answer is one given error."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sdml.errors import (
    SDMLError,
    StoreAccessError,
    StoreFullError,
    StoreUnavailableError,
)
from sdml.store import open_store
from sdml.store.s3 import S3Store
from tests.store.acts import Act, on_every_act


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the AWS variables for an endpoint."""

    def point_to(endpoint: str) -> None:
        for name, value in {
            "AWS_ENDPOINT_URL_S3": endpoint,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "the-secret",
        }.items():
            monkeypatch.setenv(name, value)

    return point_to


def test_an_endpoint_that_cannot_be_reached(aws: Callable[[str], None], scratch: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
        aws(endpoint)
        store = open_store("s3://bucket")
        with pytest.raises(StoreUnavailableError, match=f"{endpoint} after all retries"):
            store.put("a", b"x")


@pytest.mark.parametrize(
    "endpoint", ["nonsense", "http://", "http://host:port", "http://user:the-secret@host:1"]
)
def test_an_endpoint_that_is_none(aws: Callable[[str], None], endpoint: str) -> None:
    aws(endpoint)
    with pytest.raises(StoreAccessError) as caught:
        open_store("s3://bucket")
    assert "the-secret" not in "".join(traceback.format_exception(caught.value))


def test_an_unknown_profile(aws: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(StoreAccessError, match="AWS_PROFILE"):
        open_store("s3://bucket")


@contextmanager
def answering(status: int, body: bytes, length: int | None = None) -> Iterator[list[str]]:
    """A server that gives one answer to everything; yields its endpoint, then the requests."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.append(f"{self.command} {self.headers['Host']} {self.path}")
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            self.close_connection = True

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    seen.append(f"http://127.0.0.1:{server.server_address[1]}")
    try:
        yield seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def error_body(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>It says so.</Message></Error>".encode()


@pytest.mark.parametrize(
    ("status", "code", "expected", "says"),
    [
        (403, "QuotaExceeded", StoreFullError, "no room"),
        (413, "EntityTooLarge", StoreFullError, "no room"),
        (400, "InsufficientStorage", StoreFullError, "no room"),
        (403, "AccessDenied", StoreAccessError, "access refused"),
        (401, "Unauthorized", StoreAccessError, "access refused"),
        (403, "InvalidAccessKeyId", StoreAccessError, "AWS_ACCESS_KEY_ID"),
        (403, "RequestTimeTooSkewed", StoreAccessError, "clock"),
        (400, "AuthorizationHeaderMalformed", StoreAccessError, "AWS_REGION"),
        (404, "NoSuchBucket", StoreAccessError, "create it"),
        (404, "NotFound", StoreAccessError, "is an S3 server"),
        (405, "MethodNotAllowed", StoreAccessError, "is an S3 server"),
        (501, "NotImplemented", StoreAccessError, "is an S3 server"),
        (412, "PreconditionFailed", StoreUnavailableError, "after all retries"),
        (400, "BadDigest", StoreUnavailableError, "after all retries"),
    ],
)
def test_an_error_that_the_server_answers(
    aws: Callable[[str], None], status: int, code: str, expected: type[SDMLError], says: str
) -> None:
    with answering(status, error_body(code)) as seen:
        aws(seen[0])
        with pytest.raises(expected, match=f"s3://bucket/p/a: .*{code}.*{status}") as caught:
            open_store("s3://bucket/p").put("a", b"x")
    assert type(caught.value) is expected
    assert says in str(caught.value)
    assert caught.value.__cause__ is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "expected"),
    [(500, StoreUnavailableError), (503, StoreUnavailableError), (507, StoreFullError)],
)
def test_an_error_that_is_tried_again_first(
    aws: Callable[[str], None], status: int, expected: type[SDMLError]
) -> None:
    with answering(status, b"") as seen:
        aws(seen[0])
        with pytest.raises(expected):
            open_store("s3://bucket").put("a", b"x" * 10)
    assert len(seen) > 3 or status == 507


@on_every_act
def test_a_server_that_has_nothing(aws: Callable[[str], None], act: Act, scratch: Path) -> None:
    """A server of something else answers 404 to all; that is not an object that is absent."""
    with answering(404, b"<html>not here</html>") as seen:
        aws(seen[0])
        with pytest.raises(StoreAccessError, match="is an S3 server"):
            act(open_store("s3://bucket"), scratch)


def test_parts_that_are_refused(aws: Callable[[str], None], tmp_path: Path) -> None:
    """boto3 wraps errors of a transfer; what is inside counts."""
    source = tmp_path / "source"
    source.write_bytes(b"x" * (9 << 20))
    with answering(403, error_body("QuotaExceeded")) as seen:
        aws(seen[0])
        for data in (source, source.read_bytes()):
            with pytest.raises(StoreFullError):
                open_store("s3://bucket").put("a", data)


def test_a_body_that_is_cut_short(aws: Callable[[str], None], scratch: Path) -> None:
    with answering(200, b"half", length=8) as seen:
        aws(seen[0])
        store = open_store("s3://bucket")
        with pytest.raises(StoreUnavailableError, match="no usable answer"):
            store.get("a")
        assert [request.split()[0] for request in seen[1:]] == ["GET"] * 3
        with pytest.raises(StoreUnavailableError, match="no usable answer"):
            store.local("a", scratch)
    assert [path for path in scratch.rglob("*") if path.is_file()] == []


def test_a_server_that_does_not_speak_s3(aws: Callable[[str], None]) -> None:
    with answering(200, b"<html><p>Welcome</html>") as seen:
        aws(seen[0])
        with pytest.raises(StoreUnavailableError, match=f"s3://bucket: .*{seen[0]}"):
            list(open_store("s3://bucket").list(""))


def test_a_server_that_redirects_every_request(aws: Callable[[str], None]) -> None:
    with answering(301, b"") as seen:
        aws(seen[0])
        with pytest.raises(StoreAccessError, match="redirects every request"):
            open_store("s3://bucket").put("a", b"x")


def test_other_servers_are_asked_with_the_bucket_in_the_path(aws: Callable[[str], None]) -> None:
    with answering(200, b"") as seen:
        aws(seen[0].replace("127.0.0.1", "localhost"))
        open_store("s3://bucket/p").put("a", b"x")
    assert seen[1] == f"PUT {seen[0].replace('127.0.0.1', 'localhost')[7:]} /bucket/p/a"


def test_aws_is_asked_by_the_name_of_the_bucket_and_the_body_is_signed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-secret")
    store = S3Store("s3://bucket/p")
    signed: list[str] = []

    class SendingError(Exception):
        pass

    def stop(request: Any, **_: object) -> None:
        signed.append(request.headers["X-Amz-Content-SHA256"].decode())
        raise SendingError(request.url)

    store._client.meta.events.register("before-send.s3", stop)
    with pytest.raises(
        SendingError, match=r"^https://bucket\.s3\.eu-central-1\.amazonaws\.com/p/a$"
    ):
        store.put("a", b"x")
    assert signed == [hashlib.sha256(b"x").hexdigest()]


def test_no_room_for_a_download(aws: Callable[[str], None], scratch: Path) -> None:
    """In a process that may not write files of more than 100 kB."""
    program = """
import resource, sys
from pathlib import Path
from sdml.errors import StoreFullError
from sdml.store import open_store
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    open_store("s3://bucket").local("a", Path(sys.argv[1]))
except StoreFullError as error:
    assert "limit on the size of files" in str(error)
else:
    raise SystemExit("it was not full")
"""
    with answering(200, b"x" * 200_000) as seen:
        aws(seen[0])
        subprocess.run([sys.executable, "-c", program, str(scratch)], check=True)
    assert [path for path in scratch.rglob("*") if path.is_file()] == []
