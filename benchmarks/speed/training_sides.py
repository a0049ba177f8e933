"""The sides of the comparison of training steps: sdml, the released code's way, plain torch.

All train the published network (D-1024-1024-512-1024-1024-D, batches of 100) on the same synthetic
samples, in the same order, from the same initial values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.speed.reference_step import Reference
from sdml.experiment import TrainingSettings
from sdml.subspace import Subspace
from sdml.training.data import Samples
from sdml.training.learner import Learner

SAMPLES = 10_000
CLASSES = 10
SETTINGS = TrainingSettings(preset="sdml-reference", learning_rate=1e-4)
PROJECTION_KC = Subspace.random(
    [str(c) for c in range(CLASSES)], dimension=512, seed=0
).projection_KC

Step = Callable[[], float | torch.Tensor]
"""One step; returns its loss, perhaps still on the device."""


def samples(dimension: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Like a convolutional network's last layer: non-negative, long, of classes that overlap.

    How far roundings drift apart depends on the data: with other scales and classes the released
    code with fused Adam left itself by 3e-5 within 50 steps, on these by 6e-8 within 100. So the
    difference of losses says something only beside that yardstick.
    """
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, SAMPLES, dtype=np.int32)
    centres = 0.05 * rng.standard_normal((CLASSES, dimension), dtype=np.float32)
    features = rng.standard_normal((SAMPLES, dimension), dtype=np.float32)
    for start in range(0, SAMPLES, 1000):
        features[start : start + 1000] += centres[labels[start : start + 1000]]
    np.maximum(features, 0, out=features)
    features *= np.float32(0.7)
    return features, labels


def ours(
    dimension: int, *, precision: Literal["fp32", "bf16"] = "fp32", device: str = "cpu"
) -> Step:
    """sdml's step, as its training loop makes it."""
    settings = SETTINGS.model_copy(update={"precision": precision})
    place = torch.device(device)
    features, labels = samples(dimension)
    split = Samples(features, labels, classes=CLASSES, device=place, name="training")
    learner = Learner(dimension, PROJECTION_KC, settings, place)

    def endless() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for epoch in count(1):
            yield from split.batches(settings.batch_size, seed=0, epoch=epoch, drop_last=True)

    batches = endless()
    return lambda: learner.step(*next(batches))[0]


def reference(dimension: int, *, fused: bool = False, device: str = "cpu") -> Step:
    """The released code's step; ``fused``: with torch's fused Adam."""
    features, labels = samples(dimension)
    targets = np.eye(CLASSES, dtype=np.float32)[labels]
    initial = Learner(dimension, PROJECTION_KC, SETTINGS, torch.device("cpu"))
    trained = Reference(
        dimension,
        PROJECTION_KC,
        hidden=SETTINGS.hidden,
        alpha=SETTINGS.lambda_,
        learning_rate=SETTINGS.learning_rate,
        betas=SETTINGS.betas,
        encoder={n: p.detach().numpy() for n, p in initial.encoder.named_parameters()},
        decoder={n: p.detach().numpy() for n, p in initial.decoder.named_parameters()},
        fused=fused,
        device=device,
    )

    def endless() -> Iterator[npt.NDArray[np.int64]]:
        for epoch in count(1):
            order = np.random.default_rng((0, epoch)).permutation(SAMPLES)
            yield from order.reshape(-1, SETTINGS.batch_size)

    batches = endless()

    def step() -> float:
        chosen = next(batches)
        return trained.step(features[chosen], targets[chosen])

    return step


SIDES: dict[str, Callable[[int], Step]] = {
    "fp32": ours,
    "bf16": partial(ours, precision="bf16"),
    "reference": reference,
    "fused": partial(reference, fused=True),
}


def multiply_adds(dimension: int) -> int:
    """Of one row through encoder and decoder, once: the weights that its products touch."""
    widths = [dimension, *SETTINGS.hidden, len(PROJECTION_KC)]
    return 2 * sum(a * b for a, b in pairwise(widths))


def flop(dimension: int) -> int:
    """Of the matrix products of a step: forward, both gradients, but none of the features."""
    forward = 2 * SETTINGS.batch_size * multiply_adds(dimension)
    return 3 * forward - 2 * SETTINGS.batch_size * dimension * SETTINGS.hidden[0]


def parameters(dimension: int) -> int:
    """Weights and biases of both networks."""
    networks = Learner(dimension, PROJECTION_KC, SETTINGS, torch.device("cpu"))
    both = (networks.encoder, networks.decoder)
    return sum(parameter.numel() for network in both for parameter in network.parameters())
