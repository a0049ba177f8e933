"""The cost model: what a collection of m modalities with N samples each needs.

Letters: N samples, D input features, H hidden units, K code size, B batch, m modalities, G gallery,
Q queries. Everything that a formula takes from the machine is an argument; ``fit`` gives the
constants of this machine, ``Accelerator`` those of a GPU as stated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

PART = 8 << 20  # bytes of a part of a multipart transfer, and the most parts of one
PARTS = 900
PAGE = 1000  # keys in one answer to a listing
METRICS_PER_EPOCH = 8
ADAM_BYTES = 28  # a parameter: gradient, two moments and itself read; moments and itself written
EVALUATION_BYTES = 64  # working memory for each gallery item while one query is ranked
# Pods of Kubeflow Pipelines 2.17: a driver for every task, every loop, every iteration.
PODS_PER_TRAINING = 3
PODS_PER_LOOP = 3  # its driver; gather and its driver
PODS_PER_RUN = 10  # begin, prepare, evaluate, finish; drivers of the run and of what ends it


@dataclass(frozen=True, kw_only=True)
class Network:
    """The published shape: D-H-H-K and back."""

    features: int = 4096
    hidden: int = 1024
    code: int = 512

    @property
    def weights(self) -> int:
        """Of encoder and decoder, without biases."""
        return 2 * (self.features * self.hidden + self.hidden**2 + self.hidden * self.code)

    def step_flops(self, batch: int) -> float:
        """Forward once, backward twice; the first layer needs no gradient of its input."""
        return batch * (6.0 * self.weights - 2.0 * self.features * self.hidden)

    @property
    def step_bytes(self) -> float:
        """Adam's traffic."""
        return float(ADAM_BYTES * self.weights)


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """Stated, not measured: an H200's data sheet (67 TFLOP/s of fp32, 4.8 TB/s).

    60 % of the rate, and 0.15 ms for the launch of a captured step, give 0.37 ms for the published
    step of 100 × 4096, the middle of the 0.3 to 0.4 ms that such a step was estimated to take.
    """

    flops: float = 0.6 * 67e12
    bandwidth: float = 4.8e12
    launch: float = 1.5e-4

    def step_seconds(self, network: Network, batch: int) -> float:
        """One captured step with Adam."""
        return (
            self.launch
            + network.step_flops(batch) / self.flops
            + network.step_bytes / self.bandwidth
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is trained."""

    samples: int
    modalities: int
    epochs: int = 200
    batch: int = 100
    network: Network = Network()

    @property
    def steps(self) -> int:
        """Of one modality."""
        return self.epochs * math.ceil(self.samples / self.batch)

    def gpu_hours(self, device: Accelerator) -> float:
        """Of all modalities."""
        return self.modalities * self.steps * device.step_seconds(self.network, self.batch) / 3600

    @property
    def feature_bytes(self) -> int:
        """float32 features of all modalities: in the store, and read from it."""
        return 4 * self.modalities * self.samples * self.network.features

    @property
    def code_bytes(self) -> int:
        """float32 codes of all modalities."""
        return 4 * self.modalities * self.samples * self.network.code

    def epoch_seconds(self, device: Accelerator) -> float:
        """Of one modality."""
        steps = math.ceil(self.samples / self.batch)
        return steps * device.step_seconds(self.network, self.batch)

    def metrics_per_second(self, device: Accelerator) -> float:
        """Of all modalities at once, each on a GPU of its own."""
        return self.modalities * METRICS_PER_EPOCH / self.epoch_seconds(device)


def transfer_requests(size: int) -> int:
    """Requests that upload one object: one, or a beginning, its parts and an end."""
    if size <= PART:
        return 1
    return 2 + math.ceil(size / max(PART, math.ceil(size / PARTS)))


def newest_requests(versions: int, objects: int, *, by_id: bool) -> int:
    """Requests that find the newest of so many versions of so many objects each.

    ``by_id``: folders are listed, and the newest manifest read; else everything is listed and all
    manifests are read.
    """
    if by_id:
        return max(1, math.ceil(versions / PAGE)) + min(versions, 1)
    return max(1, math.ceil(versions * objects / PAGE)) + versions


def pods(modalities: int, *, loops: int = 1, values: int = 1) -> int:
    """Pods of one pipeline run with so many values of λ, those of Kubeflow counted."""
    trained = PODS_PER_LOOP * loops + PODS_PER_TRAINING * modalities * values
    # A sweep evaluates in a loop: its driver, and three pods a value in place of two.
    looped = 1 + PODS_PER_TRAINING * values - 2 if values > 1 else 0
    return PODS_PER_RUN + trained + looped


def directions(modalities: int) -> int:
    """Ordered pairs of different modalities."""
    return modalities * (modalities - 1)


def evaluation_work(queries: int, gallery: int) -> float:
    """Comparisons of one direction: a sort for each query."""
    return float(queries) * gallery * math.log2(max(2, gallery))


def evaluation_bytes(gallery: int, block: int) -> int:
    """Working memory: what a block may take, or one query needs; codes are apart."""
    return max(block, EVALUATION_BYTES * gallery)
