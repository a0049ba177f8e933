"""A checkpoint: the state of a training after any of its batches, as bytes in a slot.

It carries a fingerprint of what decides the result. A checkpoint of another training, or a
damaged one, is left aside with a warning: training again is safe, continuing is not.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sdml.errors import IntegrityError, StoreError
from sdml.experiment import TrainingSettings
from sdml.tensorfile import pack, unpack
from sdml.training.history import EpochRecord

logger = logging.getLogger(__name__)

_SCHEMA = 2  # 2: also in the middle of an epoch
_NOT_DECISIVE = {"device", "threads"}
_BEST = "best."
_LEARNER = "learner."
_LOSSES = "losses"
_GUESSES = "guesses"

NO_GUESSES = np.empty(0, dtype=np.int32)

Arrays = dict[str, npt.NDArray[Any]]


class CheckpointSlot(Protocol):
    """Where the checkpoint of one training lives. ``save`` replaces it as a whole or not at all."""

    def save(self, data: bytes) -> None:
        """Replace the checkpoint."""

    def load(self) -> bytes | None:
        """The checkpoint saved last, or None if there is none."""

    def clear(self) -> None:
        """Remove the checkpoint; no error if there is none."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A training after ``len(history)`` epochs and S batches of the next.

    Attributes:
        learner: networks and optimiser.
        best: the encoder of ``best_epoch``; empty before the end of the first epoch.
        best_epoch: the epoch selected so far, from 1; 0 before the end of the first.
        history: the finished epochs.
        losses_S3: of the batches of the epoch under way.
        guesses_N: the pseudo-labels of that epoch; empty without any.
    """

    learner: Arrays
    best: Arrays
    best_epoch: int
    history: tuple[EpochRecord, ...]
    losses_S3: npt.NDArray[np.float32]
    guesses_N: npt.NDArray[np.int32]


def settings_digest(settings: TrainingSettings) -> str:
    """16 hex digits that name the settings which decide the result."""
    said = settings.decisive().items()
    decisive = {name: value for name, value in said if name not in _NOT_DECISIVE}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def fingerprint(
    settings: TrainingSettings, projection_KC: npt.NDArray[np.float32], data_identity: str
) -> str:
    """Names one training: two with the same fingerprint end with the same encoder."""
    digest = hashlib.sha256(projection_KC.astype("<f4").tobytes(order="C"))
    parts = (_SCHEMA, projection_KC.shape, settings_digest(settings), data_identity)
    digest.update(json.dumps(parts).encode())
    return digest.hexdigest()


def save(slot: CheckpointSlot, checkpoint: Checkpoint, mark: str) -> None:
    """Put a checkpoint into its slot; a store that fails costs the checkpoint, not the training.

    Args:
        slot: where to.
        checkpoint: what.
        mark: the training's :func:`fingerprint`.
    """
    note = {
        "schema": _SCHEMA,
        "fingerprint": mark,
        "best_epoch": checkpoint.best_epoch,
        "history": [record.as_json() for record in checkpoint.history],
    }
    arrays = {_LEARNER + name: array for name, array in checkpoint.learner.items()}
    arrays |= {_BEST + name: array for name, array in checkpoint.best.items()}
    arrays[_LOSSES] = checkpoint.losses_S3
    if checkpoint.guesses_N.size:
        arrays[_GUESSES] = checkpoint.guesses_N
    put(slot, pack(arrays, note))


def put(slot: CheckpointSlot, data: bytes) -> None:
    """Put bytes into a slot; where the store fails, there is a warning."""
    try:
        slot.save(data)
    except StoreError as error:
        logger.warning("training goes on, but its checkpoint could not be saved: %s", error)


def load(data: bytes, mark: str) -> Checkpoint | None:
    """What a slot held, if it is sound and bears ``mark``, else None, with a warning."""
    try:
        arrays, note = unpack(data, "the checkpoint")
        if note["fingerprint"] != mark:
            logger.warning(
                "the checkpoint is of another training (settings, data or subspace have "
                "changed): training starts from the beginning"
            )
            return None
        return Checkpoint(
            learner=_part(arrays, _LEARNER),
            best=_part(arrays, _BEST),
            best_epoch=note["best_epoch"],
            history=tuple(EpochRecord(**record) for record in note["history"]),
            losses_S3=arrays[_LOSSES].reshape(-1, 3),
            guesses_N=arrays.get(_GUESSES, NO_GUESSES),
        )
    except (IntegrityError, KeyError, TypeError, ValueError) as error:
        logger.warning("the checkpoint is damaged (%s): training starts from the beginning", error)
        return None


def _part(arrays: Arrays, prefix: str) -> Arrays:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
