"""One of the two processes of :mod:`.streaming`: trains some steps and says what they took."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.speed.process_memory import peak_mebibytes, read_mebibytes
from sdml.experiment import TrainingSettings
from sdml.training.data import Samples
from sdml.training.learner import Learner

_CLASSES = 10
_CODE = 512
_WARMING = 5


def main(path: str, width: int, steps: int, threads: int) -> None:
    """Train on a file of float32 and print one JSON object."""
    torch.set_num_threads(threads)
    settings = TrainingSettings()
    row = width * np.dtype(np.float32).itemsize
    size = Path(path).stat().st_size
    # What is left of the last row stands in for a header.
    features_ND = np.memmap(path, np.float32, "r", offset=size % row, shape=(size // row, width))
    labels = np.random.default_rng(0).integers(0, _CLASSES, len(features_ND)).astype(np.int32)
    cpu = torch.device("cpu")
    samples = Samples(features_ND, labels, classes=_CLASSES, device=cpu, name="training")
    projection_KC = np.linalg.qr(np.random.default_rng(1).normal(size=(_CODE, _CLASSES)))[0]
    learner = Learner(width, projection_KC.astype(np.float32), settings, cpu)
    batches = samples.batches(settings.batch_size, seed=0, epoch=1, drop_last=True)
    for _ in range(_WARMING):
        learner.step(*next(batches))
    wall, cpu_time, own_time = time.perf_counter(), time.process_time(), time.thread_time()
    for _ in range(steps):
        learner.step(*next(batches))
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu_time
    own_seconds = time.thread_time() - own_time
    batches.close()
    said = {
        "seconds": seconds / steps,
        "cpu": cpu_seconds / steps,
        "others": (cpu_seconds - own_seconds) / steps,
        "streamed": samples.streamed,
        "peak": peak_mebibytes(),
        "read": read_mebibytes(),
    }
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
