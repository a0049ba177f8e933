"""One side of the transfers, in a process that has CPU time and memory of its own."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.speed.process_memory import peak_mebibytes
from sdml.store import Catalog, Version, open_store

_PEERS_THREADS = 10  # as many as boto3's own transfer has


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is sent and received: files, and a folder for what comes back."""

    bucket: str
    files: tuple[Path, ...]
    scratch: Path


def start(side: str, work: Work, environment: Mapping[str, str]) -> Connection:
    """A process of ``sdml`` or ``boto3``, that has the AWS variables of the server."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    multiprocessing.get_context("spawn").Process(
        target=_serve, args=(side, work, dict(environment), there), daemon=True
    ).start()
    return here


def _serve(side: str, work: Work, environment: dict[str, str], channel: Connection) -> None:
    """Answer ``send`` and ``receive`` with seconds and CPU seconds; ``end`` with added memory."""
    os.environ.update(environment)
    ways = _SIDES[side](work)
    before = peak_mebibytes()
    channel.send(None)
    while (asked := channel.recv()) != "end":
        wall, cpu = time.perf_counter(), time.process_time()
        ways[asked]()
        channel.send((time.perf_counter() - wall, time.process_time() - cpu))
        shutil.rmtree(work.scratch / side, ignore_errors=True)
        if asked == "send":
            ways["clear"]()
    channel.send(peak_mebibytes() - before)


def _ours(work: Work) -> dict[str, Callable[[], object]]:
    """Published as a version; brought back as any step does, and verified."""
    store = open_store(f"s3://{work.bucket}/ours")
    sent: list[Version] = []

    def send() -> None:
        catalog = Catalog(store, "benchmark")
        objects = {path.name: path for path in work.files}
        sent.append(catalog.publish("features", modality="image", objects=objects))

    def receive() -> None:
        catalog = Catalog(store, "benchmark", work.scratch / "sdml")
        version = catalog.get(sent[-1].path)
        catalog.bring(version, [path.name for path in work.files])

    def clear() -> None:
        for version in sent[:-1]:
            for info in list(store.list(f"benchmark/{version.path}/")):
                store.delete(info.key)
        del sent[:-1]

    return {"send": send, "receive": receive, "clear": clear}


def _boto3(work: Work) -> dict[str, Callable[[], object]]:
    """Large files by boto3's own transfer, one after the other; small ones several at a time."""
    client: Any = boto3.client("s3", config=Config(max_pool_connections=_PEERS_THREADS))
    small = len(work.files) > _PEERS_THREADS
    folder = work.scratch / "boto3"
    sent = [0]

    def key(path: Path, number: int) -> str:
        return f"theirs/{number}/{path.name}"

    def send_one(path: Path) -> None:
        client.upload_file(str(path), work.bucket, key(path, sent[-1]))

    def receive_one(path: Path) -> None:
        client.download_file(work.bucket, key(path, sent[-1]), str(folder / path.name))

    def each(act: Callable[[Path], None]) -> None:
        with ThreadPoolExecutor(_PEERS_THREADS if small else 1) as pool:
            list(pool.map(act, work.files))

    def send() -> None:
        sent.append(sent[-1] + 1)
        each(send_one)

    def receive() -> None:
        folder.mkdir(parents=True)
        each(receive_one)

    def clear() -> None:
        for path in work.files:
            client.delete_object(Bucket=work.bucket, Key=key(path, sent[-2]))

    return {"send": send, "receive": receive, "clear": clear}


_SIDES: Mapping[str, Callable[[Work], dict[str, Callable[[], object]]]] = {
    "sdml": _ours,
    "boto3": _boto3,
}
