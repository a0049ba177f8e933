"""A real S3 server and a real tracking server, both on loopback."""

from __future__ import annotations

import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.servers.swift import SwiftServer, swift_server

from .container import Container, Limits, started
from .engine import Engine
from .process import CheckError

BUCKET = "image-check"
_START_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Servers:
    """Both servers and how to reach them."""

    tracking: str
    s3: Any
    swift: SwiftServer

    def environment(self, prefix: str) -> dict[str, str]:
        """What a pod gets from its ConfigMap and its Secret, with a store below ``prefix``."""
        return {
            **self.swift.environment,
            "SDML_STORE": f"s3://{BUCKET}/{prefix}",
            "MLFLOW_TRACKING_URI": self.tracking,
        }

    def keys(self, prefix: str) -> list[str]:
        """All keys below ``prefix``."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def read(self, key: str) -> bytes:
        """One object."""
        return bytes(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


@contextmanager
def servers(engine: Engine, image: str, state: Path) -> Iterator[Servers]:
    """Both servers, for as long as the block runs; the tracking server is of our image."""
    folder = state / "swift"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        with swift_server(folder) as swift, _tracking(engine, image, swift) as address:
            s3 = boto3.client(
                "s3",
                endpoint_url=swift.endpoint,
                aws_access_key_id=swift.access_key,
                aws_secret_access_key=swift.secret_key,
                region_name="us-east-1",
            )
            s3.create_bucket(Bucket=BUCKET)
            yield Servers(tracking=address, s3=s3, swift=swift)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _tracking(engine: Engine, image: str, swift: SwiftServer) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--backend-store-uri", "sqlite:////tmp/mlflow.db", "--allowed-hosts", "127.0.0.1:*"]
    words += ["--artifacts-destination", f"s3://{BUCKET}/artifacts"]
    limits = Limits(network="host", environment=swift.environment)
    with started(engine, image, words, limits) as container:
        address = f"http://127.0.0.1:{port}"
        _wait(container, f"{address}/health")
        yield address


def _wait(container: Container, address: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(address, timeout=10):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            if not container.running or time.monotonic() > deadline:
                raise CheckError(
                    f"the tracking server did not start:\n{container.log[-2000:]}"
                ) from None
            time.sleep(0.5)
