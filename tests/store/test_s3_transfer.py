"""Parts to and from a bucket: the same bytes, their digest, and memory that is bounded."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from sdml.errors import StoreUnavailableError
from sdml.store import open_store
from sdml.store.s3_transfer import PART, Budget

SIZES = [0, 1, PART - 1, PART, PART + 1, 3 * PART, 20 * PART + 7]


def noise(size: int) -> bytes:
    return np.random.default_rng(size).bytes(size)


@pytest.mark.server
@pytest.mark.parametrize("size", SIZES)
def test_there_and_back(s3_environment: str, tmp_path: Path, size: int) -> None:
    store, data, file = open_store(s3_environment), noise(size), tmp_path / "file"
    file.write_bytes(data)
    expected = (size, hashlib.sha256(data).hexdigest())
    assert store.put("from/bytes", data) == expected
    assert store.put("from/file", file) == expected
    for key in ("from/bytes", "from/file"):
        path, found = store.fetch(key, tmp_path / "scratch")
        assert found == expected
        assert path == tmp_path / "scratch" / key
        assert path.read_bytes() == data
    assert store.get("from/file") == data
    assert list(store.unfinished("")) == []


@pytest.mark.server
def test_several_large_ones_at_a_time(s3_environment: str, tmp_path: Path) -> None:
    """Together more parts than may be in memory."""
    store = open_store(s3_environment)
    files = {f"object-{number}": tmp_path / str(number) for number in range(6)}
    for number, file in enumerate(files.values()):
        file.write_bytes(noise(4 * PART + number))
    with ThreadPoolExecutor(len(files)) as pool:
        sent = list(pool.map(store.put, files, files.values()))
        back = list(pool.map(lambda key: store.fetch(key, tmp_path / "scratch"), files))
    assert [found for _, found in back] == sent
    for (path, _), file in zip(back, files.values(), strict=True):
        assert path.read_bytes() == file.read_bytes()


@contextmanager
def serving(data: bytes, *, replaced: bool = False, ranges: bool = True) -> Iterator[str]:
    """A server of one object that knows ranges, or not, or has another object each time."""
    served: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            part, status = data, 200
            if asked and ranges:
                start, end = int(asked[1]), min(int(asked[2]), len(data) - 1)
                part, status = data[start : end + 1], 206
            served.append(self.path)
            self.send_response(status)
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{end}/{len(data)}")
            self.send_header("ETag", f'"{len(served) if replaced else 0}"')
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return monkeypatch


def test_a_server_without_ranges(aws: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = noise(2 * PART + 5)
    with serving(data, ranges=False) as endpoint:
        aws.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        path, found = open_store("s3://bucket").fetch("a", tmp_path)
    assert path.read_bytes() == data
    assert found == (len(data), hashlib.sha256(data).hexdigest())


def test_an_object_that_is_replaced_meanwhile(aws: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serving(noise(3 * PART), replaced=True) as endpoint:
        aws.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        with pytest.raises(StoreUnavailableError, match=r"s3://bucket/a: .*replaced"):
            open_store("s3://bucket").fetch("a", tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_budget_is_never_exceeded() -> None:
    budget, lock = Budget(10), threading.Lock()
    held, most = 0, 0

    def use(size: int) -> None:
        nonlocal held, most
        with budget.taken(size):
            with lock:
                held += size
                most = max(most, held)
            with lock:
                held -= size

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, [1, 2, 3, 4, 5, 10] * 50))
    assert 0 < most <= 10
    assert budget.take(10, wait=False)
    assert not budget.take(1, wait=False)
    budget.give(10)


def test_what_is_larger_than_a_budget_takes_all_of_it() -> None:
    budget = Budget(10)
    with budget.taken(1000):
        assert not budget.take(1, wait=False)
    assert budget.take(10, wait=False)


def test_what_was_kept_is_given_by_someone_else() -> None:
    budget = Budget(10)
    with budget.kept(10) as keep:
        keep()
    assert not budget.take(1, wait=False)
    budget.give(10)
    assert budget.take(1, wait=False)
