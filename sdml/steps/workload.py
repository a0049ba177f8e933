"""What the training of one modality will ask of a machine, from the manifests alone.

The times are rough, fitted to one core of a server: they only have to put modalities in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sdml.experiment import TrainingSettings
from sdml.steps.context import Context
from sdml.steps.plan import Plan, planned
from sdml.steps.schedule import Job
from sdml.steps.train import settings_of
from sdml.training.same_bits import Shapes

_FLOPS = 6e10  # of one core, in matrix products
_BYTES_PER_SECOND = 1e10  # of Adam's pass over memory
_STEP_SECONDS = 5e-4  # whatever its size
_PROCESS_BYTES = 600 << 20  # Python and torch, by measurement
_ADAM_BYTES = 28  # read and written, a parameter
_HELD_BYTES = 36  # weights, gradients, moments, the best encoder and a checkpoint, a parameter


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One modality's training: everything looked up, and the shapes of its splits."""

    plan: Plan
    shapes: Shapes


def workload(context: Context, modality: str) -> Workload:
    """Look a modality up, as its training will.

    Raises:
        ExperimentError, NotFoundError, SubspaceError: it cannot be trained.
        IntegrityError: its labels are damaged.
    """
    plan = planned(context, modality, settings_of(context, modality, None), None)
    return Workload(plan=plan, shapes=_shapes(context, plan))


def job_of(
    name: str, shapes: Shapes, dimension: int, settings: TrainingSettings, *, on_gpu: bool
) -> Job:
    """The job that a training is, with one thread unless its settings ask for more.

    Args:
        name: the modality.
        shapes: of its splits.
        dimension: K.
        settings: of the modality.
        on_gpu: it computes on a GPU.
    """
    weights = _weights(shapes.features, dimension, settings)
    rows = settings.rows(shapes.samples)
    step = weights * (6 * rows / _FLOPS + _ADAM_BYTES / _BYTES_PER_SECOND) + _STEP_SECONDS
    epoch = max(1, shapes.samples // rows) * step + 2 * weights * shapes.validation / _FLOPS
    return Job(
        name=name,
        seconds=settings.epochs * epoch,
        step_seconds=step,
        memory=_PROCESS_BYTES + _HELD_BYTES * weights,
        threads=1 if on_gpu else settings.threads or 1,
        fixed=settings.threads is not None,
        gpu=on_gpu,
    )


def _weights(features: int, dimension: int, settings: TrainingSettings) -> int:
    """Of the encoder, and of the decoder if it is trained."""
    widths = [features, *settings.hidden, dimension]
    encoder = sum(a * b for a, b in pairwise(widths))
    return encoder * (2 if settings.lambda_ > 0 else 1)


def _shapes(context: Context, plan: Plan) -> Shapes:
    def samples(split: str) -> int:
        path = context.catalog.local(plan.features, f"{split}.labels.npy")
        return len(np.load(path, mmap_mode="r", allow_pickle=False))

    count = samples("train")
    (size,) = (
        record.bytes
        for record in plan.features.manifest.objects
        if record.name == "train.features.npy"
    )
    # what the .npy header takes is less than a column of any training split but the smallest
    features = max(1, size // (4 * max(1, count)))
    return Shapes(features=features, samples=count, validation=samples("validation"))
