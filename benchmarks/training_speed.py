"""Speed, agreement and memory of a training step, against the released code's way.

``python -m benchmarks.training_speed [--quick] [--json FILE] [--threads N] [--dimension D]``

Both train the published network (D-1024-1024-512-1024-1024-D, batches of 100) on the same
synthetic samples, in the same order, from the same initial values, in one process, by turns: a
round is ten steps of each. A round gives one ratio of samples per second, and one of CPU time,
which is steadier on a busy machine. The first round warms up. Peak memory is that of one child
process for each side.

The first hundred losses are compared, in the first pass over the samples. Later, or on noise, any
two ways of rounding drift apart (the reference with torch's fused Adam as far from itself as sdml
is): Adam steps by the sign of a gradient, however small, and the gradient of an un-squared norm
keeps its length when the residual vanishes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.reference_training import Reference
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


def reference(dimension: int) -> Step:
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


def compare(dimension: int, rounds: int) -> dict[str, Any]:
    """Rounds of both by turns, in this process."""
    sides = {name: make(dimension) for name, make in SIDES.items()}
    losses: dict[str, list[float]] = {name: [] for name in sides}
    wall: dict[str, list[float]] = {name: [] for name in sides}
    cpu: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name in sorted(sides, reverse=number % 2 == 0):
            began, began_cpu = time.perf_counter(), time.process_time()
            made = [sides[name]() for _ in range(STEPS)]
            losses[name] += [float(loss) for loss in made]
            if number:
                wall[name].append((time.perf_counter() - began) / STEPS)
                cpu[name].append((time.process_time() - began_cpu) / STEPS)
    pairs = list(zip(losses["sdml"], losses["reference"], strict=True))[:COMPARED]
    return {
        "step_ms": {name: 1e3 * statistics.median(seconds) for name, seconds in wall.items()},
        "samples_per_second": {
            name: SETTINGS.batch_size / statistics.median(seconds) for name, seconds in wall.items()
        },
        "speed_ratio": spread(wall),
        "cpu_time_ratio": spread(cpu),
        "steps_compared": len(pairs),
        "largest_relative_loss_difference": max(abs(a - b) / abs(b) for a, b in pairs),
    }


def spread(seconds: dict[str, list[float]]) -> dict[str, float]:
    """Median, lowest and highest of the rounds' ratios."""
    ratios = [r / s for r, s in zip(seconds["reference"], seconds["sdml"], strict=True)]
    return {"median": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)}


def peak_mebibytes(side: str, dimension: int, threads: int) -> float:
    """Peak memory of this process after a few steps of one side; run in a child."""
    torch.set_num_threads(threads)
    step = SIDES[side](dimension)
    for _ in range(3):
        step()
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
    torch.set_num_threads(arguments.threads)
    figures: dict[str, Any] = {
        "dimension": arguments.dimension,
        "threads": arguments.threads,
        "large_pages": os.environ.get("THP_MEM_ALLOC_ENABLE") == "1",
        "torch": torch.__version__,
        **compare(arguments.dimension, rounds=4 if arguments.quick else 20),
    }
    figures["peak_mebibytes"] = {}
    for side in SIDES:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            job = pool.submit(peak_mebibytes, side, arguments.dimension, arguments.threads)
            figures["peak_mebibytes"][side] = round(job.result())
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
    print(
        f"  largest relative loss difference in {figures['steps_compared']} steps "
        f"{figures['largest_relative_loss_difference']:.1e}"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
