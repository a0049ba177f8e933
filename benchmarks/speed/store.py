"""A feature set of 1 GiB, and many small objects, to a real S3 server and back.

The server is OpenStack Swift on the loopback interface (``pip install swift pyeclib``); it shares
the cores with both sides. Ours publishes a version and brings it back as every step does: sha256
of every object on both ways, manifest, verification. The peer is boto3's own transfer with its
defaults: ten threads, parts of 8 MiB, no checksum of ours. Memory is by how much each
process's peak grew by all transfers of a kind.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

import boto3
import numpy as np

from benchmarks.speed.figure import Figure, Options, paired
from benchmarks.speed.rounds import by_turns
from benchmarks.speed.store_process import Work, start
from tests.servers.swift import SwiftServer, swift_server

_SHARES = {"train": 80, "validation": 10, "test": 10}
_SMALL = 20 << 10


def measure(options: Options) -> Iterator[Figure]:
    """Both directions of both kinds."""
    size, rounds = (64 << 20, 3) if options.quick else (1 << 30, 5)
    count = 100 if options.quick else 500
    with (
        tempfile.TemporaryDirectory(prefix="sdml-speed-") as named,
        swift_server(Path(named)) as server,
    ):
        folder = Path(named)
        client = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            aws_access_key_id=server.access_key,
            aws_secret_access_key=server.secret_key,
            region_name="us-east-1",
        )
        client.create_bucket(Bucket="bucket")
        client.close()
        large = _feature_set(folder / "large", size)
        yield from _both_ways(f"feature set of {size >> 20} MiB", large, server, rounds, bar=0.9)
        small = _small_objects(folder / "small", count)
        name = f"{count} objects of {_SMALL >> 10} KiB"
        yield from _both_ways(name, small, server, rounds, bar=None)


def _both_ways(
    name: str, files: tuple[Path, ...], server: SwiftServer, rounds: int, *, bar: float | None
) -> Iterator[Figure]:
    work = Work(bucket="bucket", files=files, scratch=files[0].parent / "scratch")
    sides = {side: start(side, work, server.environment) for side in ("sdml", "boto3")}
    seconds: dict[tuple[str, str], list[tuple[float, float]]] = {}

    def ask(side: str, what: str) -> None:
        sides[side].send(what)
        seconds.setdefault((side, what), []).append(sides[side].recv())

    for channel in sides.values():
        channel.recv()
    for what in ("send", "receive"):
        by_turns({side: partial(ask, side, what) for side in sides}, rounds)
    peaks = {}
    for side, channel in sides.items():
        channel.send("end")
        peaks[side] = channel.recv()
    for what, said in (("send", "upload"), ("receive", "download")):
        (wall, cpu), (their_wall, their_cpu) = (
            zip(*seconds[side, what][1:], strict=True) for side in ("sdml", "boto3")
        )
        yield paired(
            f"{said}, {name}",
            peer="boto3's own transfer, no checksums",
            ours=list(wall),
            theirs=list(their_wall),
            unit="s",
            bar=bar,
            also={
                "cpu_seconds": round(median(cpu), 2),
                "theirs": round(median(their_cpu), 2),
                "mebibytes_added": peaks["sdml"],
                "they_added": peaks["boto3"],
            },
        )


def _feature_set(folder: Path, size: int) -> tuple[Path, ...]:
    """Noise in three splits, as a prepared modality has it."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    columns = 512
    for split, share in _SHARES.items():
        rows = size * share // 100 // (4 * columns)
        features = np.lib.format.open_memmap(
            folder / f"{split}.features.npy", "w+", np.float32, (rows, columns)
        )
        for first in range(0, rows, 4096):
            rng.random(out=features[first : first + 4096], dtype=np.float32)
        features.flush()
        np.save(folder / f"{split}.labels.npy", np.zeros(rows, np.int32))
        (folder / f"{split}.items.json").write_text("null", encoding="ascii")
    return tuple(sorted(folder.iterdir()))


def _small_objects(folder: Path, count: int) -> tuple[Path, ...]:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        (folder / f"object-{number:04}").write_bytes(rng.bytes(_SMALL))
    return tuple(sorted(folder.iterdir()))
