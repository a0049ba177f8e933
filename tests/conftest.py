"""Fixtures for every test folder: real collections, a real S3 server, a bucket and a store."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from sdml import environment
from sdml.store import Store, open_store
from tests.servers.swift import SwiftServer, swift_server

environment.set_defaults()  # before any test imports torch, as the command does

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # in the background of a shell; it is inherited
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")

collect_ignore = ["servers"]  # a program and its starter, with no doctests


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real collections: ``SDML_DATA``, or ``shared/data`` beside the checkout."""
    folder = Path(os.environ.get("SDML_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("no real collections: SDML_DATA does not name a folder that holds them")
    return folder


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwiftServer]:
    """OpenStack Swift for the whole session. Mark the tests that use it with ``server``."""
    with swift_server(tmp_path_factory.mktemp("swift")) as server:
        yield server


@pytest.fixture(scope="session")
def s3_client(s3_server: SwiftServer) -> Iterator[Any]:
    """A client of the server that owes nothing to the code under test."""
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=s3_server.endpoint,
        aws_access_key_id=s3_server.access_key,
        aws_secret_access_key=s3_server.secret_key,
        region_name="us-east-1",
    )
    yield client
    client.close()


@pytest.fixture
def s3_environment(s3_server: SwiftServer, s3_client: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """AWS variables for the server and no others; returns ``s3://`` with a new bucket."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{uuid.uuid4().hex}"
    s3_client.create_bucket(Bucket=bucket)
    return f"s3://{bucket}"


@pytest.fixture
def s3_store(s3_environment: str) -> Store:
    """A store under a prefix of a new bucket."""
    return open_store(f"{s3_environment}/some/prefix")
