"""The S3 store on a real server (OpenStack Swift): access, parts, pages, kills."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sdml.errors import (
    StoreAccessError,
    StoreUnavailableError,
)
from sdml.store import Catalog, open_store
from sdml.store.s3 import S3Store
from tests.servers.swift import SwiftServer, swift_server
from tests.store.acts import Act, on_every_act


@pytest.mark.server
@on_every_act
def test_a_wrong_key_is_refused(
    s3_environment: str,
    act: Act,
    scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-right-secret")
    with (
        caplog.at_level(logging.DEBUG, logger="sdml"),
        pytest.raises(StoreAccessError, match="AWS_SECRET_ACCESS_KEY") as caught,
    ):
        act(open_store(s3_environment), scratch)
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "not-the-right-secret" not in shown
    assert "test:tester" not in shown
    assert "\n" not in str(caught.value)


@pytest.mark.server
def test_an_unknown_access_key_is_refused(
    s3_environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    with pytest.raises(StoreAccessError, match="AWS_ACCESS_KEY_ID"):
        open_store(s3_environment).put("a", b"x")


@pytest.mark.server
@on_every_act
def test_a_missing_bucket_is_named(s3_environment: str, act: Act, scratch: Path) -> None:
    store = open_store("s3://no-such-bucket/prefix")
    with pytest.raises(StoreAccessError, match=r"s3://no-such-bucket.*create it"):
        act(store, scratch)


@pytest.mark.server
def test_no_credentials_at_all(s3_environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with pytest.raises(StoreAccessError, match=r"no usable credentials.*set AWS_ACCESS_KEY_ID"):
        open_store(s3_environment).get("a")


@pytest.mark.server
def test_the_object_lies_at_prefix_and_key(
    s3_environment: str, s3_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    bucket = s3_environment.removeprefix("s3://")
    for uri, above in ((s3_environment, ""), (f"{s3_environment}/some/prefix/", "some/prefix/")):
        store = open_store(uri)
        assert store.uri == uri.rstrip("/")
        store.put("a/b", b"x")
        answer = s3_client.get_object(Bucket=bucket, Key=f"{above}a/b")
        assert answer["Body"].read() == b"x"
    keys = [info.key for info in open_store(s3_environment).list("")]
    assert keys == ["a/b", "some/prefix/a/b"]


@pytest.mark.server
def test_objects_of_others_are_not_listed(s3_environment: str, s3_client: Any) -> None:
    bucket = s3_environment.removeprefix("s3://")
    for key in ("a/", "a/b", "my notes.txt", "ä", "a//b"):
        s3_client.put_object(Bucket=bucket, Key=key, Body=b"")
    assert [info.key for info in open_store(s3_environment).list("")] == ["a/b"]


@pytest.mark.server
def test_many_pages(s3_environment: str) -> None:
    store = S3Store(f"{s3_environment}/p", page=7)
    expected = [f"a/{i:03}" for i in range(50)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.put(key, key.encode()), reversed(expected)))
    assert [info.key for info in store.list("a/")] == expected
    assert [info.key for info in store.list("a/01")] == expected[10:20]


@pytest.mark.server
def test_a_large_object_is_sent_in_parts(s3_environment: str, s3_client: Any) -> None:
    store = open_store(s3_environment)
    store.put("a", b"x" * (17 << 20))
    head = s3_client.head_object(Bucket=s3_environment.removeprefix("s3://"), Key="a")
    assert head["ETag"].strip('"').endswith("-3")


PUBLISH_MANY = """
import sys
from sdml.store import Catalog, open_store
objects = {f"object-{i}": b"x" for i in range(3000)}
Catalog(open_store(sys.argv[1]), "digits").publish("subspace", objects=objects, id="ab")
"""

PUT_PARTS = """
import sys
from sdml.store import open_store
open_store(sys.argv[1]).put("digits/big", bytes(400 << 20))
"""


def kill_when(program: str, uri: str, ready: Callable[[], object]) -> None:
    process = subprocess.Popen([sys.executable, "-c", program, uri])
    try:
        while not ready():
            assert process.poll() is None, "it ended by itself"
            time.sleep(0.02)
    finally:
        process.kill()
    assert process.wait() == -9


@pytest.mark.server
def test_killed_in_the_middle_of_a_publish(s3_environment: str) -> None:
    store = open_store(s3_environment)
    kill_when(PUBLISH_MANY, s3_environment, lambda: list(store.list("")))
    catalog = Catalog(store, "digits")
    assert 0 < len(list(store.list(""))) < 3000
    assert catalog.inventory() == []
    version = catalog.publish("subspace", objects={"object-1": b"again"}, id="ab")
    assert catalog.inventory() == [version]
    assert catalog.verify(version) == []


@pytest.mark.server
def test_killed_in_the_middle_of_an_object(s3_environment: str, s3_client: Any) -> None:
    bucket = s3_environment.removeprefix("s3://")
    kill_when(
        PUT_PARTS,
        s3_environment,
        lambda: s3_client.list_multipart_uploads(Bucket=bucket).get("Uploads"),
    )
    store = open_store(s3_environment)
    assert list(store.list("")) == []
    assert not store.exists("digits/big")
    assert list(store.unfinished("letters/")) == []
    (write,) = store.unfinished("digits/")
    assert write.key == "digits/big"
    age = datetime.now(UTC) - write.modified  # the server rounds up to whole seconds
    assert timedelta(seconds=-2) <= age < timedelta(minutes=5)
    store.discard(write)
    store.discard(write)
    assert list(store.unfinished("digits/")) == []


@pytest.mark.server
def test_a_server_killed_in_the_middle_of_a_publish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3_environment: str
) -> None:
    """``s3_environment`` clears the variables; the server that is killed is another one."""
    objects: dict[str, bytes | Path] = {f"object-{i}": b"x" * 1000 for i in range(400)}
    with swift_server(tmp_path) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        make_bucket(server)
        store = open_store("s3://bucket/prefix")
        catalog = Catalog(store, "digits", tmp_path / "scratch")
        before = catalog.publish("encoder", modality="image", objects={"e": b"before"})
        with ThreadPoolExecutor(1) as pool:
            publishing = pool.submit(catalog.publish, "subspace", objects=objects, id="ab")
            while not list(store.list("digits/subspaces/")):
                time.sleep(0.02)
            server.kill()
            with pytest.raises(StoreUnavailableError, match=server.endpoint):
                publishing.result()
        server.start()
        fresh = Catalog(open_store("s3://bucket/prefix"), "digits", tmp_path / "scratch")
        assert fresh.inventory() == [before]
        assert fresh.read(before, "e") == b"before"
        again = fresh.publish("subspace", objects={"object-1": b"y"}, id="ab")
        assert [fresh.verify(version) for version in (before, again)] == [[], []]
        # The client that saw the server go away works again too.
        assert catalog.latest("subspace") == again


def make_bucket(server: SwiftServer) -> None:
    import boto3

    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    client.close()
