"""One modality of XMedia's shape in a process of its own, trained some steps when asked."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.speed.process_memory import peak_mebibytes
from benchmarks.speed.reference_step import Reference
from sdml import environment
from sdml.experiment import TrainingSettings
from sdml.subspace import Subspace
from sdml.training.data import Samples
from sdml.training.learner import Learner
from sdml.training.same_bits import Shapes

CLASSES = 20
# PKU XMedia, table 1 of the paper: features; training and validation samples
SHAPES = MappingProxyType(
    {
        "image": Shapes(features=4096, samples=4000, validation=500),
        "text": Shapes(features=3000, samples=4000, validation=500),
        "audio": Shapes(features=29, samples=800, validation=100),
        "3d": Shapes(features=4700, samples=400, validation=50),
        "video": Shapes(features=4096, samples=969, validation=87),
    }
)
SETTINGS = TrainingSettings(preset="sdml-reference")

Step = Callable[[], object]


def start(side: str, modality: str) -> Connection:
    """A process of ``sdml`` or ``reference``; each finds the environment that it has in use."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    saved = dict(os.environ)
    for name in environment.DEFAULTS:
        os.environ.pop(name, None)
    if side == "sdml":
        os.environ.update(environment.DEFAULTS)
    try:
        multiprocessing.get_context("spawn").Process(
            target=_serve, args=(side, modality, there), daemon=True
        ).start()
    finally:
        os.environ.clear()
        os.environ.update(saved)
    return here


def _serve(side: str, modality: str, channel: Connection) -> None:
    """Answer (steps, threads) with CPU seconds; zero steps end it, with its peak of memory."""
    step = _SIDES[side](SHAPES[modality])
    channel.send(0.0)
    while True:
        steps, threads = channel.recv()
        if not steps:
            channel.send(peak_mebibytes())
            return
        torch.set_num_threads(threads)
        began = time.process_time()
        for _ in range(steps):
            step()
        channel.send(time.process_time() - began)


def _learner(shapes: Shapes) -> Learner:
    projection = Subspace.random([str(c) for c in range(CLASSES)], dimension=512, seed=0)
    return Learner(shapes.features, projection.projection_KC, SETTINGS, torch.device("cpu"))


def _data(shapes: Shapes) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    rng = np.random.default_rng(0)
    features = np.maximum(rng.standard_normal((shapes.samples, shapes.features), np.float32), 0)
    return features, rng.integers(0, CLASSES, shapes.samples, dtype=np.int32)


def _ours(shapes: Shapes) -> Step:
    features, labels = _data(shapes)
    split = Samples(features, labels, classes=CLASSES, device=torch.device("cpu"), name="training")
    learner = _learner(shapes)
    epochs = (
        batch
        for epoch in range(1, 1 << 30)
        for batch in split.batches(SETTINGS.batch_size, seed=0, epoch=epoch, drop_last=True)
    )
    return lambda: learner.step(*next(epochs))


def _reference(shapes: Shapes) -> Step:
    features, labels = _data(shapes)
    targets = np.eye(CLASSES, dtype=np.float32)[labels]
    learner = _learner(shapes)
    projection = Subspace.random([str(c) for c in range(CLASSES)], dimension=512, seed=0)
    trained = Reference(
        shapes.features,
        projection.projection_KC,
        hidden=SETTINGS.hidden,
        alpha=SETTINGS.lambda_,
        learning_rate=SETTINGS.learning_rate,
        betas=SETTINGS.betas,
        encoder={name: p.detach().numpy() for name, p in learner.encoder.named_parameters()},
        decoder={name: p.detach().numpy() for name, p in learner.decoder.named_parameters()},
    )
    del learner
    size = SETTINGS.batch_size
    epochs = (
        order[start : start + size]
        for epoch in range(1 << 30)
        for order in (np.random.default_rng((0, epoch)).permutation(shapes.samples),)
        for start in range(0, shapes.samples - size + 1, size)
    )

    def step() -> float:
        rows = next(epochs)
        return trained.step(features[rows], targets[rows])

    return step


_SIDES = {"sdml": _ours, "reference": _reference}
