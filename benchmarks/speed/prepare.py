"""``prepare`` of one .npy file of vectors into a folder store, against copying that file.

Both read the file from the page cache, write to the same disk, and have everything on it when they
end (fsync). The preparation is a process of its own, so that its peak of memory is its own; the
interpreter's start is not counted. Beside them stands a copy whose bytes another thread hashes
meanwhile: what any store with checksums has to do.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.speed.figure import Figure, Options, paired

_WIDTH = 512
_CLASSES = 10
_BAR = 0.6
_BOUND = 600  # MiB that prepare may have resident
_BLOCK_ROWS = 8192
_BLOCK = 1 << 20  # bytes of a copy that is hashed, and how many may wait
_WAITING = 8


@dataclass(frozen=True)
class _Way:
    """What is prepared: the suffix of the source and the transforms."""

    name: str
    suffix: str
    transform: tuple[str, ...]
    bar: float | None


_WAYS = (
    _Way("npy", "npy", (), _BAR),
    _Way("npy, l2", "npy", ("l2",), None),
    _Way("npy, standardize", "npy", ("standardize",), None),
    _Way("npz, not compressed", "npz", (), None),
)


def measure(options: Options) -> Iterator[Figure]:
    """A figure for each way; only the plain one has a bar."""
    samples, rounds = (100_000, 3) if options.quick else (1_000_000, 5)
    with tempfile.TemporaryDirectory(prefix="sdml-prepare-") as folder:
        here = Path(folder)
        _write(here, samples)
        for way in _WAYS[:2] if options.quick else _WAYS:
            yield _compare(here, way, samples, rounds)


def _compare(here: Path, way: _Way, samples: int, rounds: int) -> Figure:
    source = here / f"source.{way.suffix}"
    if not source.exists():
        np.savez(source, X=np.load(here / "source.npy", mmap_mode="r"))
    ours: list[dict[str, Any]] = []
    theirs: list[float] = []
    copied: list[float] = []
    hashed: list[float] = []
    for number in range(rounds + 1):
        for turn in sorted(("hashed", "ours", "theirs"), reverse=number % 2 == 1):
            _warm(source)
            if turn == "ours":
                ours.append(_prepare(here, source, way))
            elif turn == "theirs":
                began = time.process_time()
                theirs.append(_copy(source, here / "copy"))
                copied.append(time.process_time() - began)
            else:
                hashed.append(_hashed_copy(source, here / "copy"))
    peak = max(one["peak"] for one in ours)
    if peak > _BOUND:
        raise RuntimeError(f"prepare had {peak} MiB resident, more than {_BOUND}")
    return paired(
        f"{samples:,} × {_WIDTH}, {way.name}",
        peer="copy of the file",
        ours=[one["seconds"] for one in ours[1:]],
        theirs=theirs[1:],
        unit="s",
        bar=way.bar,
        also={
            "a copy with sha256 s": round(median(hashed[1:]), 3),
            "peak MiB": peak,
            "CPU s": round(min(one["cpu"] for one in ours), 2),
            "CPU s of the copy": round(min(copied), 2),
        },
    )


def _prepare(here: Path, source: Path, way: _Way) -> dict[str, Any]:
    store = here / "store"
    experiment = {
        "collection": "speed",
        "store": str(store),
        "tracking": None,
        "modalities": {
            "vectors": {
                "source": str(source),
                "labels": str(here / "labels.npy"),
                "transform": list(way.transform),
            }
        },
    }
    command = [sys.executable, "-m", "benchmarks.speed.prepare_process", json.dumps(experiment)]
    environment = {**os.environ, "SDML_SCRATCH": str(here)}
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment)
    shutil.rmtree(store)
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def _copy(source: Path, target: Path) -> float:
    began = time.perf_counter()
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())
    seconds = time.perf_counter() - began
    target.unlink()
    return seconds


def _hashed_copy(source: Path, target: Path) -> float:
    began = time.perf_counter()
    checksum, waiting = hashlib.sha256(), deque[Future[None]]()
    with (
        source.open("rb", buffering=0) as file,
        target.open("wb", buffering=0) as copy,
        ThreadPoolExecutor(1) as hashing,
    ):
        while block := file.read(_BLOCK):
            waiting.append(hashing.submit(checksum.update, block))
            copy.write(block)
            if len(waiting) > _WAITING:
                waiting.popleft().result()
        os.fsync(copy.fileno())
    seconds = time.perf_counter() - began
    target.unlink()
    return seconds


def _warm(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 24):
            pass


def _write(here: Path, samples: int) -> None:
    generator = np.random.default_rng(0)
    shape = (samples, _WIDTH)
    target = np.lib.format.open_memmap(here / "source.npy", "w+", np.float32, shape)
    for start in range(0, samples, _BLOCK_ROWS):
        block = target[start : start + _BLOCK_ROWS]
        block[:] = generator.standard_normal(block.shape, dtype=np.float32)
    target.flush()
    np.save(here / "labels.npy", np.arange(samples) % _CLASSES)
