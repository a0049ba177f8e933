"""A side of a comparison in a process of its own, with the environment that it has in use.

The ``sdml`` command sets a few variables that torch reads when it is imported (large pages, threads
that soon sleep); the released code sets none. So each side gets a fresh process, which trains some
steps whenever it is asked.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from sdml import environment


class Steps(NamedTuple):
    """Some steps: the loss before each, and seconds."""

    losses: list[float]
    wall: float
    cpu: float


class Side:
    """The process, seen from outside."""

    def __init__(self, channel: Connection) -> None:
        self._channel = channel

    def train(self, steps: int) -> Steps:
        """So many more steps."""
        self._channel.send(steps)
        made: Steps = self._channel.recv()
        return made

    def grown(self) -> float:
        """MiB that the process has grown by at most, since the samples were in memory."""
        self._channel.send(0)
        mebibytes: float = self._channel.recv()
        return mebibytes


@contextmanager
def started(side: str, dimension: int, threads: int) -> Iterator[Side]:
    """A process that trains one of the sides; ended at the end."""
    own, its = multiprocessing.get_context("spawn").Pipe()
    product = side in ("fp32", "bf16")
    saved = dict(os.environ)
    for name in environment.DEFAULTS:
        os.environ.pop(name, None)
    os.environ.update(environment.DEFAULTS if product else {})
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(side, dimension, threads, its), daemon=True
    )
    try:
        process.start()
    finally:
        os.environ.clear()
        os.environ.update(saved)
    its.close()
    try:
        yield Side(own)
    finally:
        own.close()
        process.join(10)
        process.kill()


def _serve(side: str, dimension: int, threads: int, channel: Connection) -> None:
    import torch

    from benchmarks.speed.training_sides import SIDES

    torch.set_num_threads(threads)
    small = SIDES[side](64)  # loads libraries and makes their buffers
    for _ in range(3):
        small()
    del small
    before = _mebibytes("VmRSS")
    step = SIDES[side](dimension)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts from here
    while True:
        try:
            steps = channel.recv()
        except EOFError:
            return
        if steps == 0:
            channel.send(_mebibytes("VmHWM") - before)
            continue
        wall, cpu = time.perf_counter(), time.process_time()
        losses = [float(loss) for loss in [step() for _ in range(steps)]]
        channel.send(Steps(losses, time.perf_counter() - wall, time.process_time() - cpu))


def _mebibytes(name: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")  # getrusage counts the parent
    (kibibytes,) = [line.split()[1] for line in status.splitlines() if line.startswith(name)]
    return int(kibibytes) / 1024
