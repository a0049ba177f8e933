"""Eleven values of λ at once against the same trainings one after the other.

The peer is sdml's own single training, so a ratio above 1 is what training at once saves. On a
CPU large networks go by turns, which saves the gathering only; both ways are shown, since the
choice between them rests on these figures. On a GPU the goal is eleven in the time of three.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.speed.figure import Figure, Options, paired
from benchmarks.speed.rounds import by_turns
from sdml.experiment import TrainingSettings
from sdml.subspace import Subspace
from sdml.training import FitResult, TrainingData, fit
from sdml.training.batched import fit_batched, ways
from sdml.training.batched_learner import BatchedLearnerType, TurnsLearner
from sdml.training.batched_stack import StackedLearner
from sdml.training.device import find_device

_CLASSES = 10
_BATCH = 100
_NAMES = {StackedLearner: "batched", TurnsLearner: "by turns"}


@dataclass(frozen=True)
class _Shape:
    """What is trained: features, layers, code, and how many batches an epoch has."""

    name: str
    features: int
    hidden: tuple[int, ...]
    code: int
    batches: int


_SHAPES = (
    _Shape("4096-d image", 4096, (1024, 1024), 512, 4),
    _Shape("300-d text", 300, (1024, 1024), 512, 6),
    _Shape("64-d", 64, (1024, 1024), 512, 6),
    _Shape("64-d, small layers", 64, (256, 256), 128, 40),
    _Shape("64-d, one layer of 64", 64, (64,), 32, 100),
)


def measure(options: Options) -> Iterator[Figure]:
    """The figures of each shape, on the CPU and on a GPU if there is one."""
    places = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    for place in places:
        for shape in _SHAPES:
            yield from _figures(shape, place, options)


def _figures(shape: _Shape, place: str, options: Options) -> Iterator[Figure]:
    subspace = Subspace.random([str(c) for c in range(_CLASSES)], dimension=shape.code, seed=0)
    projection_KC = subspace.projection_KC
    count = 4 if options.quick else 11
    scale = 1 if place == "cpu" else 20
    data = _data(shape, batches=shape.batches * scale)
    lambdas = np.linspace(0, 1, count).round(2).tolist()
    settings = [_settings(shape, lambda_, place, options) for lambda_ in lambdas]
    device = find_device(place)
    chosen = ways(shape.features, projection_KC, settings, device)

    def alone() -> list[FitResult]:
        return [fit(data, projection_KC, each) for each in settings]

    def at_once(way: BatchedLearnerType) -> list[FitResult]:
        results = fit_batched(data, projection_KC, settings, learner_type=way)
        return [result for result in results if isinstance(result, FitResult)]

    differences = {way: _difference(at_once(way), alone()) for way in _NAMES}
    rounds = 2 if options.quick else 5
    times = by_turns(
        {
            "alone": alone,
            "by turns": lambda: at_once(TurnsLearner),
            "batched": lambda: at_once(StackedLearner),
        },
        rounds,
    )
    for way, name in _NAMES.items():
        # what a GPU does is not in the process's CPU time
        seconds = {key: t.cpu if place == "cpu" else t.wall for key, t in times.items()}
        pairs = zip(seconds[name], seconds["alone"], strict=True)
        ones = float(np.median([count * ours / theirs for ours, theirs in pairs]))
        yield paired(
            f"{place}, {shape.name}, {count} λ {name}" + (" (chosen)" if way is chosen else ""),
            peer="one after the other",
            ours=seconds[name],
            theirs=seconds["alone"],
            unit="CPU s" if place == "cpu" else "s",
            also={
                "times_of_one": round(ones, 2),
                "wall_s": round(float(np.median(times[name].wall)), 3),
                "difference": f"{differences[way]:.1e}",
            },
        )


def _settings(shape: _Shape, lambda_: float, place: str, options: Options) -> TrainingSettings:
    return TrainingSettings.model_validate(
        {
            "preset": "sdml-reference",  # the default's networks at λ = 1 have another width
            "lambda": lambda_,
            "epochs": 1,
            "selection": "val_total",
            "batch_size": _BATCH,
            "hidden": shape.hidden,
            "learning_rate": 1e-4,
            "device": place,
            "threads": options.threads,
        }
    )


def _data(shape: _Shape, *, batches: int) -> TrainingData:
    """Class centres with noise, cut at zero as after a ReLU."""
    rng = np.random.default_rng(0)
    rows = _BATCH * (batches + 1)
    labels = rng.integers(0, _CLASSES, rows).astype(np.int32)
    centres = rng.standard_normal((_CLASSES, shape.features), dtype=np.float32)
    noise = rng.standard_normal((rows, shape.features), dtype=np.float32)
    features = np.maximum(centres[labels] + noise, 0)
    return TrainingData(
        features_ND=features[:-_BATCH],
        labels=labels[:-_BATCH],
        validation_features_ND=features[-_BATCH:],
        validation_labels=labels[-_BATCH:],
    )


def _difference(ours: list[FitResult], theirs: list[FitResult]) -> float:
    """The largest relative one between losses of the same setting."""
    losses = [
        [(r.train_loss, r.validation_supervised) for result in side for r in result.history]
        for side in (ours, theirs)
    ]
    one, other = (np.array(side) for side in losses)
    return float((np.abs(one - other) / np.maximum(np.abs(other), 1e-12)).max())
