"""The epochs of a training as tracking has them: as they come, or those of a stored result."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from sdml.steps.context import Context
from sdml.steps.identity import BEST_EPOCH
from sdml.steps.plan import HISTORY
from sdml.store import Version
from sdml.tracking import Run
from sdml.training import EpochRecord
from sdml.training.history import history_from_json

OnEpoch = Callable[[EpochRecord, int], None]
Metrics = Callable[[EpochRecord], dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a training has stored, and its history."""

    uri: str
    best_epoch: int
    history: tuple[EpochRecord, ...]

    @property
    def best_loss(self) -> float:
        """The supervised loss on the validation split in the selected epoch."""
        return self.history[self.best_epoch - 1].validation_supervised


def common_metrics(epoch: EpochRecord) -> dict[str, float]:
    """What every kind of training tracks (docs/tracking.md); no speed if it is unknown."""
    metrics = {
        "loss/train": epoch.train_loss,
        "loss/validation": epoch.validation_loss,
        "learning_rate": epoch.learning_rate,
        "samples_per_second": epoch.samples_per_second,
    }
    if math.isnan(epoch.samples_per_second):  # read from a file
        del metrics["samples_per_second"]
    return metrics


def tracked(
    run: Run, metrics: Metrics, epochs: int, on_epoch: OnEpoch | None
) -> Callable[[EpochRecord], None]:
    """What is to be called after each of the epochs: tracks it, then calls ``on_epoch``."""

    def record(epoch: EpochRecord) -> None:
        run.metrics(metrics(epoch), step=epoch.epoch)
        if on_epoch is not None:
            on_epoch(epoch, epochs)

    return record


def use_again(run: Run, context: Context, version: Version, metrics: Metrics) -> Made:
    """Track a stored result as if it had been trained, and say that it was not."""
    history = history_from_json(context.catalog.read(version, HISTORY), f"{version.uri}/{HISTORY}")
    for epoch in history:
        run.metrics(metrics(epoch), step=epoch.epoch)
    run.tag({"reused": "true"})
    best_epoch = version.manifest.settings[BEST_EPOCH]
    assert isinstance(best_epoch, int)
    return Made(uri=version.uri, best_epoch=best_epoch, history=history)
