"""What an MLflow server gets from many runs at a time, by the pace of ``sdml.tracking``.

A closed queue: each run waits for its answer, pauses, and sends what it has logged meanwhile. An
answer takes one service, or as long as the queue before a busy server: max(s, runs · s - pause).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.scale.fit import Line, fitted
from benchmarks.scale.model import METRICS_PER_EPOCH
from sdml.tracking.address import parse_address
from sdml.tracking.delivery import Failure
from sdml.tracking.events import Finish, Metric, Metrics, Start
from sdml.tracking.mlflow import MlflowBackend

PER_CALL = 1000
TIMEOUT = 10.0  # seconds after which a client gives an answer up
_SIZES = (8, 1000, 200)
_CALLS = 10


@dataclass(frozen=True, kw_only=True)
class Load:
    """``answer``: seconds for one; ``taken`` and ``offered``: metrics a second."""

    answer: float
    taken: float
    offered: float


def load(
    runs: int, epoch_seconds: float, *, call: float, metric: float, pace: Callable[[float], float]
) -> Load:
    """Of a server that needs call + metric · n seconds for n metrics."""
    for answer in np.geomspace(call / 2, 1e6, 20_000).tolist():
        # Nothing is sent before the next epoch has ended.
        pause = max(pace(answer), epoch_seconds - answer)
        many = min(PER_CALL, METRICS_PER_EPOCH * max(1.0, (pause + answer) / epoch_seconds))
        service = call + metric * many
        if answer >= max(service, runs * service - pause):
            break
    rate = min(1 / service, runs / (pause + answer))
    offered = runs * METRICS_PER_EPOCH / epoch_seconds
    return Load(answer=answer, taken=min(rate * many, offered), offered=offered)


def measure(uri: str) -> Line:
    """Seconds of a call by the number of metrics in it, at a server that runs already.

    Raises:
        RuntimeError: the server does not take them.
    """
    backend = MlflowBackend(parse_address(uri))
    start = Start(
        uid=uuid.uuid4().hex,
        experiment="benchmarks-scale",
        name="calls",
        parent=None,
        tags={},
        time=time.time_ns() // 1_000_000,
    )
    run = backend.open_run(start)
    if isinstance(run, Failure):
        raise RuntimeError(f"no run can be made at {backend.address}: {run.reason}")
    step = 0

    def seconds(size: int) -> float:
        nonlocal step
        taken = []
        for _ in range(_CALLS):
            values = []
            for place in range(size):
                step += place % METRICS_PER_EPOCH == 0
                name = f"metric{place % METRICS_PER_EPOCH}"
                values.append(Metric(name=name, value=1.0, step=step, time=start.time))
            began = time.perf_counter()
            failure = backend.send(run, Metrics(values=tuple(values)))
            taken.append(time.perf_counter() - began)
            if failure is not None:
                raise RuntimeError(f"{backend.address} takes no metrics: {failure.reason}")
        return float(np.median(taken))

    seconds(_SIZES[0])  # warms up
    line = fitted("tracking: one call", "metrics", _SIZES, float, seconds)
    backend.send(run, Finish(status="finished", time=start.time))
    return line
