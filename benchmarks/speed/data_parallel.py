"""One modality in two processes that share each batch, against one process: how much that gives.

Both are ours, on the same cores, with Gloo on the loopback interface. There is no bar: gradients
as large as all weights travel in every step, which on one machine costs more than it saves, unless
each process has a GPU. ``--processes`` is for those.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from multiprocessing.connection import Connection

import numpy as np
import torch

from benchmarks.speed.figure import Figure, Options, paired
from benchmarks.speed.rounds import by_turns
from sdml import environment
from sdml.experiment import TrainingSettings
from sdml.subspace import Subspace
from sdml.training import ALONE, Place, joined

_STEPS = 5
_CLASSES = 10
_SETTINGS = TrainingSettings(preset="sdml-reference", device="cpu")


def measure(options: Options) -> Iterator[Figure]:
    """Two dimensions; against one process with one thread, and with one a core."""
    rounds = 3 if options.quick else 11
    environment.set_defaults()
    for dimension in (300, 4096):
        together = _start(dimension, 2)
        alone = _start(dimension, 1)
        half = max(1, options.threads // 2)
        ways = {
            "two": partial(_ask, together, half),
            "all threads": partial(_ask, alone, options.threads),
            "one thread": partial(_ask, alone, 1),
        }
        times = by_turns(ways, rounds)
        for channel in (*together, *alone):
            channel.send(0)
        for way, threads in (("all threads", options.threads), ("one thread", 1)):
            yield paired(
                f"{dimension}-d, 2 processes with {half} thread{'s' if half > 1 else ''}",
                peer=f"1 process with {threads}",
                ours=[1e3 * seconds / _STEPS for seconds in times["two"].wall],
                theirs=[1e3 * seconds / _STEPS for seconds in times[way].wall],
                unit="ms/step",
            )


def _ask(channels: list[Connection], threads: int) -> None:
    for channel in channels:
        channel.send(threads)
    for channel in channels:
        channel.recv()


def _start(dimension: int, size: int) -> list[Connection]:
    """So many processes that train together; they are ready when this returns."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    channels = []
    for rank in range(size):
        here, there = multiprocessing.get_context("spawn").Pipe()
        place = Place(
            rank=rank, size=size, local_rank=rank, local_size=size, address="127.0.0.1", port=port
        )
        multiprocessing.get_context("spawn").Process(
            target=_serve, args=(dimension, place, there), daemon=True
        ).start()
        channels.append(here)
    for channel in channels:
        channel.recv()
    return channels


def _serve(dimension: int, place: Place, channel: Connection) -> None:
    """Make some steps with so many threads, when asked; zero ends it."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    rng = np.random.default_rng(0)
    rows = torch.from_numpy(rng.random((_SETTINGS.batch_size, dimension), np.float32))
    targets = torch.eye(_CLASSES)[torch.from_numpy(rng.integers(0, _CLASSES, len(rows)))]
    projection = Subspace.random([str(c) for c in range(_CLASSES)], dimension=512, seed=0)
    with ExitStack() as stack:
        ranks = stack.enter_context(joined(place, "cpu")) if place.size > 1 else ALONE
        learner = ranks.learner(dimension, projection.projection_KC, _SETTINGS, torch.device("cpu"))
        channel.send(0.0)
        while threads := channel.recv():
            torch.set_num_threads(threads)
            began = time.perf_counter()
            for _ in range(_STEPS):
                learner.step(rows, targets)
            channel.send(time.perf_counter() - began)
