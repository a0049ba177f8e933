"""What happened in each epoch, and the file that keeps it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sdml.errors import IntegrityError


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """One epoch. Training losses are means over its batches, while the weights were changing.

    ``samples_per_second`` is the speed of its training part, NaN when read from a file;
    ``pseudo_labelled`` how many training samples had a pseudo-label, None where there are none.
    """

    epoch: int
    train_loss: float
    train_reconstruction: float
    train_supervised: float
    validation_loss: float
    validation_reconstruction: float
    validation_supervised: float
    learning_rate: float
    samples_per_second: float = math.nan
    pseudo_labelled: int | None = None

    def as_json(self) -> dict[str, Any]:
        """All that is there, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def improved(history: Sequence[EpochRecord], best_epoch: int, selection: str) -> bool:
    """Whether the last epoch is the one to keep.

    Args:
        history: the finished epochs.
        best_epoch: the one selected before it, from 1; 0 if there is none.
        selection: as the settings have it.
    """
    if selection == "last" or best_epoch == 0:
        return True
    last, best = history[-1], history[best_epoch - 1]
    if selection == "val_total":
        return last.validation_loss < best.validation_loss
    return last.validation_supervised < best.validation_supervised


def history_to_json(history: Sequence[EpochRecord]) -> bytes:
    """A list with one object for each epoch, without times: equal trainings give equal bytes."""
    records = [record.as_json() for record in history]
    for record in records:
        del record["samples_per_second"]
    return (json.dumps(records, indent=1) + "\n").encode()


def history_from_json(data: bytes, where: str) -> tuple[EpochRecord, ...]:
    """Read what :func:`history_to_json` wrote; ``where`` names it in an error.

    Raises:
        IntegrityError: the bytes are no history.
    """
    try:
        return tuple(EpochRecord(**record) for record in json.loads(data))
    except (TypeError, ValueError) as error:
        raise IntegrityError(
            f"{where} must be a training history, but cannot be read as one ({error}): "
            "restore it from a backup, or train again"
        ) from error
