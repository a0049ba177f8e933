"""Training on features larger than memory, against the same training with all of them in memory.

Both are processes of their own. One has its file in the page cache, maps it, and no limit. The
other may take so much memory (RLIMIT_DATA, in which mapped and cached files do not count; its peak
of resident memory, in which mapped files do, is reported and must stay below the limit too), and
its file is dropped from the page cache before it starts and ten times a second: every row comes
from the disk.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.figure import Figure, Options, paired

_WIDTHS = (4096, 300)
_BAR = 0.9
_BLOCK = 1 << 24


@dataclass(frozen=True)
class _Size:
    """How much: bytes of features, the limit, rounds, and steps that are timed."""

    features: int
    limit: int
    rounds: int
    steps: int


_FULL = _Size(features=4 << 30, limit=1536 << 20, rounds=5, steps=80)
_QUICK = _Size(features=1 << 30, limit=768 << 20, rounds=2, steps=30)


def measure(options: Options) -> Iterator[Figure]:
    """A figure for image features and one for text features, of the same file."""
    size = _QUICK if options.quick else _FULL
    with tempfile.TemporaryDirectory(prefix="sdml-streaming-") as folder:
        path = Path(folder) / "features.bin"
        _write(path, size.features)
        for width in _WIDTHS:
            yield _compare(path, width, size, options.threads)


def _compare(path: Path, width: int, size: _Size, threads: int) -> Figure:
    ways: dict[str, list[dict[str, Any]]] = {"memory": [], "streamed": []}
    for number in range(size.rounds):
        for way in sorted(ways, reverse=number % 2 == 1):
            ways[way].append(_child(path, width, size, threads, streamed=way == "streamed"))
    streamed = ways["streamed"]
    if not all(one["streamed"] for one in streamed) or any(o["streamed"] for o in ways["memory"]):
        raise RuntimeError("the choice between memory and streaming was not the one measured here")
    if max(one["peak"] for one in streamed) > size.limit >> 20:
        raise RuntimeError("the process that streams had more resident than its limit")
    return paired(
        f"{width}-d, {size.features >> 20} MiB under {size.limit >> 20} MiB",
        peer="in memory",
        ours=[one["seconds"] * 1e3 for one in streamed],
        theirs=[one["seconds"] * 1e3 for one in ways["memory"]],
        unit="ms a step",
        bar=_BAR,
        also={
            "peak MiB": max(one["peak"] for one in streamed),
            "peak MiB in memory": max(one["peak"] for one in ways["memory"]),
            "MiB from the disk": min(one["read"] for one in streamed),
            "CPU ms a step": round(1e3 * min(one["cpu"] for one in streamed), 1),
            "in memory": round(1e3 * min(one["cpu"] for one in ways["memory"]), 1),
            "of other threads": round(1e3 * min(one["others"] for one in streamed), 2),
        },
    )


def _child(path: Path, width: int, size: _Size, threads: int, *, streamed: bool) -> dict[str, Any]:
    request = {"path": str(path), "width": width, "steps": size.steps, "threads": threads}

    def limit() -> None:
        if streamed:
            resource.setrlimit(resource.RLIMIT_DATA, (size.limit, size.limit))

    command = [sys.executable, "-m", "benchmarks.speed.streaming_process", json.dumps(request)]
    with _cold(path) if streamed else _warm(path):
        said = subprocess.run(command, stdout=subprocess.PIPE, check=True, preexec_fn=limit)
    found: dict[str, Any] = json.loads(said.stdout)
    return found


@contextmanager
def _cold(path: Path) -> Iterator[None]:
    """Keep the file out of the page cache."""
    ended = threading.Event()
    file = os.open(path, os.O_RDONLY)

    def drop() -> None:
        while not ended.wait(0.1):
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)

    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    thread = threading.Thread(target=drop)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        os.close(file)


@contextmanager
def _warm(path: Path) -> Iterator[None]:
    """Bring the file into the page cache."""
    with path.open("rb", buffering=0) as file:
        while file.read(_BLOCK):
            pass
    yield


def _write(path: Path, size: int) -> None:
    """Random float32, on the disk when this returns: what is not there cannot be dropped."""
    generator = np.random.default_rng(0)
    with path.open("wb", buffering=0) as file:
        for _ in range(0, size, _BLOCK):
            file.write(generator.standard_normal(_BLOCK // 4, dtype=np.float32).tobytes())
        os.fsync(file.fileno())
