"""Training one modality with several settings at once: λ, seeds, learning rates.

Each setting sees exactly the batches that it would see alone, begins with the same values, and
ends with its own selected epoch. How they are trained depends on the device (:func:`ways`): as
batched matrices on a GPU, where a single network leaves most of the device idle; by turns on a
CPU, where large products run at its full rate anyway, and then the bits are those of alone.

Letters: K code size, C classes.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

from sdml.errors import ExperimentError, Interrupted, TrainingError
from sdml.experiment import TrainingSettings
from sdml.training import checkpoint as checkpoints
from sdml.training.batched_learner import BatchedLearnerType, TurnsLearner
from sdml.training.batched_stack import StackedLearner
from sdml.training.batched_state import BatchedState, Course
from sdml.training.checkpoint import Arrays, CheckpointSlot
from sdml.training.data import TrainingData, samples_of
from sdml.training.device import find_device
from sdml.training.history import EpochRecord
from sdml.training.loop import Clock, FitResult, check_splits
from sdml.training.pace import Pace
from sdml.training.parts import Parts, Regressions
from sdml.training.precision import decided
from sdml.training.threads import thread_count

MAY_DIFFER = ("lambda", "seed", "learning_rate", "betas", "weight_decay")
"""Settings that trainings at once may have of their own, as the experiment file calls them."""

_SMALL = 1 << 18  # weights of an encoder; below, most time goes by between the operations


def fit_batched(
    data: TrainingData,
    projection_KC: npt.NDArray[np.float32],
    settings: Sequence[TrainingSettings],
    *,
    data_identity: str = "",
    checkpoint: CheckpointSlot | None = None,
    on_epoch: Callable[[dict[int, EpochRecord]], None] | None = None,
    stop: Callable[[], bool] | None = None,
    threads: int | None = None,
    device: str | None = None,
    learner_type: BatchedLearnerType | None = None,
    clock: Clock = time.perf_counter,
) -> list[FitResult | TrainingError]:
    """Train the encoder of one modality once for each of the settings.

    Args:
        data: training and validation splits.
        projection_KC: P, float32.
        settings: at least one; they differ in :data:`MAY_DIFFER` only.
        data_identity: as in :func:`sdml.training.fit`.
        checkpoint: where to keep the state of all, which is so many times as large as of one:
            every ``checkpoint_seconds`` times the number of settings at most, in a hundredth of the
            time; after each epoch if that is 0.
        on_epoch: called after each epoch and its checkpoint with the records of the settings that
            go on, by their place; not for epochs that a checkpoint already holds.
        stop: as in :func:`sdml.training.fit`.
        threads: likewise.
        device: likewise.
        learner_type: instead of what :func:`ways` chooses.
        clock: seconds.

    Returns:
        For each setting its result, or why there is none: its loss was no longer finite. That
        does not touch the others.

    Raises:
        DataError: the splits do not fit together, the subspace or the settings.
        ExperimentError: the settings cannot be trained at once, or there is no such device.
        Interrupted: ``stop`` said so.
    """
    _check_alike(settings)
    place = find_device(device or settings[0].device)
    settings = [decided(each, place) for each in settings]
    first = settings[0]
    training, validation = samples_of(data, projection_KC.shape[1], place)
    by_lambda = sorted(settings, key=lambda each: each.lambda_)
    for each in {by_lambda[0].lambda_: by_lambda[0], by_lambda[-1].lambda_: by_lambda[-1]}.values():
        check_splits(training, validation, each)  # λ asks most of the labels at its ends
    with thread_count(threads or first.threads):
        parts = [Parts.of(each, training, projection_KC.shape[1]) for each in settings]
        trained = [each.trained for each in parts]
        make = learner_type or ways(training.features, projection_KC, trained, place)

        def begin() -> BatchedState:
            learner = make(training.features, projection_KC, trained, place)
            return BatchedState(learner, training, validation, settings, clock)

        state = begin()
        mark = _mark(settings, projection_KC, data_identity, make)
        kept = checkpoint.load() if checkpoint else None
        resumed_from = None
        if kept is not None:
            if state.resume(kept, mark):
                resumed_from = state.epochs
            else:
                state = begin()
        pace = Pace(clock)
        interval = first.checkpoint_seconds * len(settings)

        def save(*, seconds: float = 0) -> None:
            """See :meth:`Pace.save`."""
            if checkpoint:
                slot = checkpoint
                pace.save(lambda: checkpoints.put(slot, state.checkpoint(mark)), seconds=seconds)

        def check() -> None:
            if stop is not None and stop():
                raise Interrupted(
                    f"training of {len(settings)} settings at once was stopped in epoch "
                    f"{state.epochs + 1} of {first.epochs}, after {state.batches} of its batches: "
                    "start it again to continue"
                )

        def look() -> None:
            check()
            if interval > 0:
                save(seconds=interval)

        check()
        while state.epochs < first.epochs and not all(c.failure for c in state.courses):
            try:
                records = state.epoch(look)
            except Interrupted:
                save()
                raise
            save(seconds=interval)
            if on_epoch is not None:
                on_epoch(records)
        regressions = Regressions(training, projection_KC)
        return [
            TrainingError(course.failure)
            if course.failure
            else _result(course, resumed_from, each.joined(course.best, regressions))
            for course, each in zip(state.courses, parts, strict=True)
        ]


def ways(
    features: int,
    projection_KC: npt.NDArray[np.float32],
    settings: Sequence[TrainingSettings],
    device: torch.device,
) -> BatchedLearnerType:
    """What trains these settings best on a device: batched matrices, or turns.

    By turns: drcl and mtls, which compare the rows of a batch with each other; bf16; networks of
    different widths; and large ones on a CPU, where one batched product costs as much as its parts.
    """
    widths = [features, *settings[0].hidden, len(projection_KC)]
    weights = sum(inputs * outputs for inputs, outputs in pairwise(widths))
    plain = settings[0].method not in ("drcl", "mtls") and settings[0].precision == "fp32"
    plain = plain and len({each.hidden for each in settings}) == 1
    stacks = plain and (device.type != "cpu" or weights <= _SMALL)
    return StackedLearner if stacks else TurnsLearner


def _check_alike(settings: Sequence[TrainingSettings]) -> None:
    if settings[0].pseudo_labels is not None:
        raise ExperimentError(
            "settings that are trained at once share their batches, but each would have "
            "pseudo_labels of its own: train them one by one, or leave pseudo_labels out"
        )
    first, *others = (each.model_dump(by_alias=True) for each in settings)
    for other in others:
        names = [n for n, value in first.items() if other[n] != value and n not in MAY_DIFFER]
        if names:
            raise ExperimentError(
                f"settings that are trained at once may differ in {', '.join(MAY_DIFFER)}, not in "
                f"{names[0]} ({first[names[0]]} and {other[names[0]]}): train them one by one"
            )


def _mark(
    settings: Sequence[TrainingSettings],
    projection_KC: npt.NDArray[np.float32],
    data_identity: str,
    learner_type: BatchedLearnerType,
) -> str:
    """Names these trainings, in this order, and whose arrays a checkpoint holds."""
    parts = [checkpoints.fingerprint(each, projection_KC, data_identity) for each in settings]
    kind = getattr(learner_type, "__name__", "")
    return hashlib.sha256(json.dumps([kind, *parts]).encode()).hexdigest()


def _result(course: Course, resumed_from: int | None, encoder: Arrays) -> FitResult:
    return FitResult(
        encoder_state=encoder,
        best_epoch=course.best_epoch,
        epochs=len(course.history),
        history=tuple(course.history),
        resumed_from=resumed_from,
    )
