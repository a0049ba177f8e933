"""Speed, agreement and memory of a training step, against the released code's way.

``python -m benchmarks.training_speed [--quick] [--json FILE] [--threads N] [--dimension D]``

Both train the published network (D-1024-1024-512-1024-1024-D, batches of 100) on the same
synthetic samples, in the same order, from the same initial values, each in a process of its own
and by turns: a round is ten steps of each. Our process has the environment that the ``sdml``
command sets (large pages, threads that soon sleep), the other one none. A round gives one ratio of
samples per second, and one of CPU time, which is steadier on a busy machine. The first round warms
up.

The first hundred losses are compared. Any two ways of rounding drift apart, since Adam steps by
the sign of a gradient, however small; the yardstick for that is the reference with torch's fused
Adam, compared with the reference as it is.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.reference_training import Reference
from sdml import environment
from sdml.experiment import TrainingSettings
from sdml.subspace import Subspace
from sdml.training.data import Samples
from sdml.training.learner import Learner
from sdml.training.threads import available_cores

SAMPLES = 10_000
CLASSES = 10
STEPS = 10
COMPARED = 100
SETTINGS = TrainingSettings(learning_rate=1e-4)

Step = Callable[[], float | torch.Tensor]


def samples(dimension: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Like a convolutional network's last layer: non-negative, classes around their centres."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, SAMPLES, dtype=np.int32)
    centres = rng.standard_normal((CLASSES, dimension), dtype=np.float32)
    features = rng.standard_normal((SAMPLES, dimension), dtype=np.float32)
    for start in range(0, SAMPLES, 1000):
        features[start : start + 1000] += centres[labels[start : start + 1000]]
    np.maximum(features, 0, out=features)
    features *= np.float32(0.5)
    return features, labels


def new_learner(dimension: int) -> Learner:
    """The learner, at its initial values."""
    projection = Subspace.random([str(c) for c in range(CLASSES)], dimension=512, seed=0)
    return Learner(dimension, projection.projection_KC, SETTINGS, torch.device("cpu"))


def ours(dimension: int) -> Step:
    """One step of sdml, as its training loop makes it."""
    features, labels = samples(dimension)
    split = Samples(features, labels, classes=CLASSES, device=torch.device("cpu"), name="training")
    learner = new_learner(dimension)

    def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        epoch = 0
        while True:
            epoch += 1
            yield from split.batches(SETTINGS.batch_size, seed=0, epoch=epoch, drop_last=True)

    endless = batches()
    return lambda: learner.step(*next(endless))[0]


def reference(dimension: int, *, fused: bool = False) -> Step:
    """One step of the reference, with the same batches."""
    features, labels = samples(dimension)
    targets = np.eye(CLASSES, dtype=np.float32)[labels]
    learner = new_learner(dimension)
    projection = Subspace.random([str(c) for c in range(CLASSES)], dimension=512, seed=0)
    trained = Reference(
        dimension,
        projection.projection_KC,
        hidden=SETTINGS.hidden,
        alpha=SETTINGS.lambda_,
        learning_rate=SETTINGS.learning_rate,
        betas=SETTINGS.betas,
        encoder={n: p.detach().numpy() for n, p in learner.encoder.named_parameters()},
        decoder={n: p.detach().numpy() for n, p in learner.decoder.named_parameters()},
        fused=fused,
    )

    def batches() -> Iterator[npt.NDArray[np.int64]]:
        epoch = 0
        while True:
            epoch += 1
            order = np.random.default_rng((0, epoch)).permutation(SAMPLES)
            yield from order.reshape(-1, SETTINGS.batch_size)

    endless = batches()

    def step() -> float:
        chosen = next(endless)
        return trained.step(features[chosen], targets[chosen])

    return step


SIDES = {"sdml": ours, "reference": reference}


# What a process of each side finds in its environment: the product sets its own defaults, the
# released code sets none.
ENVIRONMENTS: dict[str, dict[str, str]] = {"sdml": environment.DEFAULTS, "reference": {}}


def serve(side: str, dimension: int, threads: int, channel: Connection) -> None:
    """Train in this process, ``STEPS`` at a time, when asked; answers (losses, wall, CPU)."""
    torch.set_num_threads(threads)
    step = SIDES[side](dimension)
    while channel.recv():
        began, began_cpu = time.perf_counter(), time.process_time()
        losses = [float(loss) for loss in [step() for _ in range(STEPS)]]
        channel.send((losses, time.perf_counter() - began, time.process_time() - began_cpu))
    channel.send(peak_mebibytes())


def start(side: str, dimension: int, threads: int) -> Connection:
    """A process of one side, with the environment that it has in use."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    saved = dict(os.environ)
    for name in environment.DEFAULTS:
        os.environ.pop(name, None)
    os.environ.update(ENVIRONMENTS[side])
    try:
        multiprocessing.get_context("spawn").Process(
            target=serve, args=(side, dimension, threads, theirs), daemon=True
        ).start()
    finally:
        os.environ.clear()
        os.environ.update(saved)
    return ours


def compare(dimension: int, threads: int, rounds: int) -> dict[str, Any]:
    """Rounds of both by turns, each in its own process."""
    channels = {name: start(name, dimension, threads) for name in SIDES}
    losses: dict[str, list[float]] = {name: [] for name in SIDES}
    wall: dict[str, list[float]] = {name: [] for name in SIDES}
    cpu: dict[str, list[float]] = {name: [] for name in SIDES}
    for number in range(rounds + 1):
        for name in sorted(SIDES, reverse=number % 2 == 0):
            channels[name].send(True)
            made, seconds, seconds_cpu = channels[name].recv()
            losses[name] += made
            if number:
                wall[name].append(seconds / STEPS)
                cpu[name].append(seconds_cpu / STEPS)
    for channel in channels.values():
        channel.send(False)
    torch.set_num_threads(threads)
    otherwise_rounded = reference(dimension, fused=True)
    compared = min(COMPARED, len(losses["sdml"]))
    losses["yardstick"] = [float(otherwise_rounded()) for _ in range(compared)]
    return {
        "step_ms": {name: 1e3 * statistics.median(seconds) for name, seconds in wall.items()},
        "samples_per_second": {
            name: SETTINGS.batch_size / statistics.median(seconds) for name, seconds in wall.items()
        },
        "speed_ratio": spread(wall),
        "cpu_time_ratio": spread(cpu),
        "steps_compared": compared,
        "largest_relative_loss_difference": {
            name: max(
                abs(loss - expected) / expected
                for loss, expected in zip(
                    losses[name][:compared], losses["reference"][:compared], strict=True
                )
            )
            for name in ("sdml", "yardstick")
        },
        "peak_mebibytes": {name: round(channel.recv()) for name, channel in channels.items()},
    }


def spread(seconds: dict[str, list[float]]) -> dict[str, float]:
    """Median, lowest and highest of the rounds' ratios."""
    ratios = [r / s for r, s in zip(seconds["reference"], seconds["sdml"], strict=True)]
    return {"median": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)}


def peak_mebibytes() -> float:
    """Peak memory of this process."""
    status = Path("/proc/self/status").read_text(encoding="ascii")  # getrusage counts the parent
    (kibibytes,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(kibibytes) / 1024


def main() -> None:
    """Measure, print a table, write JSON if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds; the figures are rough")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    parser.add_argument("--threads", type=int, default=available_cores(), metavar="N")
    parser.add_argument("--dimension", type=int, default=4096, metavar="D", help="input features")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {
        "dimension": arguments.dimension,
        "threads": arguments.threads,
        "torch": torch.__version__,
        **compare(arguments.dimension, arguments.threads, rounds=4 if arguments.quick else 20),
    }
    print(f"{arguments.dimension} features, {arguments.threads} threads")
    for side in SIDES:
        print(
            f"  {side:<10} {figures['step_ms'][side]:7.1f} ms/step "
            f"{figures['samples_per_second'][side]:8.0f} samples/s "
            f"{figures['peak_mebibytes'][side]:6.0f} MiB"
        )
    for name in ("speed_ratio", "cpu_time_ratio"):
        ratio = figures[name]
        print(f"  {name} {ratio['median']:.2f} ({ratio['lowest']:.2f} to {ratio['highest']:.2f})")
    for name, difference in figures["largest_relative_loss_difference"].items():
        steps = figures["steps_compared"]
        print(f"  largest relative loss difference in {steps} steps, {name}: {difference:.1e}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
