"""Whether a training gives the same bits with another number of threads, found by trying.

A numerical library may add up a matrix product in another order when more threads share it; most
do not, for the shapes of most trainings, but none promises it. The answer depends on shapes and
not on values, so one step and one validation on noise of the same shapes tell.

Letters: D features, K code size, C classes, B samples in a batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from sdml.experiment import TrainingSettings
from sdml.training.data import Samples
from sdml.training.parallel import ALONE
from sdml.training.threads import thread_count


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """How large a training is.

    Attributes:
        features: D.
        samples: of the training split.
        validation: samples of the validation split.
    """

    features: int
    samples: int
    validation: int


def same_bits(
    shapes: Shapes,
    projection_KC: npt.NDArray[np.float32],
    settings: TrainingSettings,
    numbers: Iterable[int],
    reference: int,
) -> int:
    """The first of some numbers of threads that gives the bits of another, on the CPU.

    Args:
        shapes: of the modality's splits.
        projection_KC: P, float32.
        settings: of the modality.
        numbers: of threads, in the order of preference.
        reference: the number whose bits are wanted; the answer if no other has them.
    """
    wanted = None
    for threads in numbers:
        if threads == reference:
            break
        wanted = wanted or _tried(shapes, projection_KC, settings, reference)
        if _tried(shapes, projection_KC, settings, threads) == wanted:
            return threads
    return reference


def _tried(
    shapes: Shapes, projection_KC: npt.NDArray[np.float32], settings: TrainingSettings, threads: int
) -> str:
    """A digest of what a whole batch, the partial one and a validation give."""
    rows = settings.rows(shapes.samples)
    partial = 0 if settings.drop_last else shapes.samples % rows
    cpu = torch.device("cpu")
    found = hashlib.sha256()
    with thread_count(threads):
        learner = ALONE.learner(shapes.features, projection_KC, settings, cpu)
        for count in {min(rows, shapes.samples), partial} - {0}:
            batch = _noise(count, shapes, projection_KC, settings)
            (whole,) = batch.batches(count, seed=0, epoch=1, drop_last=False)
            found.update(learner.step(*whole).numpy().tobytes())
        validation = _noise(shapes.validation, shapes, projection_KC, settings)
        found.update(learner.measure(validation.blocks()).numpy().tobytes())
        for array in learner.state().values():
            found.update(array.tobytes())
    return found.hexdigest()


def _noise(
    rows: int,
    shapes: Shapes,
    projection_KC: npt.NDArray[np.float32],
    settings: TrainingSettings,
) -> Samples:
    rng = np.random.default_rng(rows)
    code, classes = projection_KC.shape
    paired = settings.mtls is not None
    return Samples(
        rng.standard_normal((rows, shapes.features), dtype=np.float32),
        rng.integers(0, classes, rows, dtype=np.int32),
        classes=classes,
        device=torch.device("cpu"),
        name="trial",
        partner_NK=rng.standard_normal((rows, code), dtype=np.float32) if paired else None,
    )
