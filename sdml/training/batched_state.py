"""The mutable state of S trainings at once: what an epoch changes and a checkpoint keeps.

Each setting has its own history, its own selected epoch, and its own end: one whose loss is no
longer finite is given up and the others go on.

Letters: T batches of an epoch so far, S settings.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from sdml.errors import IntegrityError
from sdml.experiment import TrainingSettings
from sdml.tensorfile import pack, unpack
from sdml.training.batched_learner import Batch, BatchedLearner
from sdml.training.data import Samples
from sdml.training.history import EpochRecord, improved
from sdml.training.optimised import Arrays

logger = logging.getLogger(__name__)

_SCHEMA = 1
_LEARNER, _BEST, _LOSSES = "learner.", "best.", "losses"


@dataclass
class Course:
    """How one setting has done so far.

    Attributes:
        settings: of its training.
        history: the finished epochs, up to the one that failed.
        best: the selected epoch's encoder; empty before the end of the first epoch.
        best_epoch: the selected epoch, from 1; 0 before the end of the first.
        failure: why it was given up; empty if it was not.
    """

    settings: TrainingSettings
    history: list[EpochRecord] = field(default_factory=list)
    best: Arrays = field(default_factory=dict)
    best_epoch: int = 0
    failure: str = ""


class BatchedState:
    """The learner, a course for each setting, the epoch under way.

    Attributes:
        courses: one for each setting.
        epochs: how many are finished.
    """

    def __init__(
        self,
        learner: BatchedLearner,
        training: Samples,
        validation: Samples,
        settings: Sequence[TrainingSettings],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Before the first batch."""
        self._learner = learner
        learner.multi_label = training.multi_label
        self._training = training
        self._validation = validation
        self._clock = clock
        self._losses: list[Tensor] = []
        self.courses = [Course(each) for each in settings]
        self.epochs = 0

    @property
    def batches(self) -> int:
        """How many of the epoch under way are done."""
        return len(self._losses)

    def epoch(self, look: Callable[[], None]) -> dict[int, EpochRecord]:
        """Train every setting to the end of the epoch under way, and validate.

        Args:
            look: called after each batch and each block of the validation; what it raises ends
                the epoch there, and :meth:`checkpoint` has the batches that were done.

        Returns:
            The records of those that have not been given up, by their place.
        """
        number = self.epochs + 1
        start, samples = self._clock(), 0
        self._learner.epoch = number  # also where a checkpoint has all of its batches
        for batches in self._drawn(number):
            self._learner.batch = self.batches
            self._losses.append(self._learner.step(batches))
            samples += len(batches[0][0])
            look()
        train_S3 = torch.stack(self._losses).double().mean(0).tolist()  # waits for the device
        seconds = self._clock() - start
        blocks = self._validation.blocks
        measured = self._learner.measure(lambda: _looking(blocks(), look))
        records = {}
        both = zip(train_S3, measured.double().tolist(), strict=True)
        for place, (train, validation) in enumerate(both):
            course = self.courses[place]
            if course.failure:
                continue
            record = EpochRecord(
                epoch=number,
                train_loss=train[0],
                train_reconstruction=train[1],
                train_supervised=train[2],
                validation_loss=validation[0],
                validation_reconstruction=validation[1],
                validation_supervised=validation[2],
                learning_rate=course.settings.learning_rate,
                samples_per_second=samples / seconds if seconds > 0 else math.nan,
            )
            if not all(map(math.isfinite, (*train, *validation))):
                course.failure = _not_finite(record, course.settings)
                continue
            records[place] = record
            course.history.append(record)
            if improved(course.history, course.best_epoch, course.settings.selection):
                course.best = self._learner.encoder_state(place)
                course.best_epoch = number
        self._give_up()
        self.epochs = number
        self._losses.clear()
        return records

    def checkpoint(self, mark: str) -> bytes:
        """The state after the last batch; ``mark`` names the trainings."""
        notes = []
        arrays = {_LEARNER + name: array for name, array in self._learner.state().items()}
        for place, course in enumerate(self.courses):
            history = [record.as_json() for record in course.history]
            note = {"history": history, "best_epoch": course.best_epoch, "failure": course.failure}
            notes.append(note)
            arrays |= {f"{_BEST}{place}.{name}": array for name, array in course.best.items()}
        losses = [loss_S3.cpu().numpy() for loss_S3 in self._losses]
        shape = (-1, len(self.courses), 3)
        arrays[_LOSSES] = np.array(losses, dtype=np.float32).reshape(shape)
        note = {"schema": _SCHEMA, "mark": mark, "epochs": self.epochs, "courses": notes}
        return pack(arrays, note)

    def resume(self, data: bytes, mark: str) -> bool:
        """Continue from a checkpoint; False, with a warning, if it cannot be continued.

        Then train from the beginning with another state.
        """
        try:
            arrays, note = unpack(data, "the checkpoint")
            if (note["schema"], note["mark"]) != (_SCHEMA, mark):
                logger.warning(
                    "the checkpoint is of other trainings (settings, data or subspace have "
                    "changed): training starts from the beginning"
                )
                return False
            courses = [
                Course(
                    course.settings,
                    [EpochRecord(**record) for record in said["history"]],
                    _part(arrays, f"{_BEST}{place}."),
                    said["best_epoch"],
                    said["failure"],
                )
                for place, (course, said) in enumerate(
                    zip(self.courses, note["courses"], strict=True)
                )
            ]
            losses_TS3 = arrays[_LOSSES].reshape(-1, len(courses), 3)
            epochs = int(note["epochs"])
            self._learner.load(_part(arrays, _LEARNER))
        except (IntegrityError, KeyError, TypeError, ValueError, json.JSONDecodeError) as error:
            logger.warning(
                "the checkpoint is damaged (%s): training starts from the beginning", error
            )
            return False
        self.courses, self.epochs = courses, epochs
        self._losses = list(torch.from_numpy(losses_TS3).to(self._learner.device))
        self._give_up()
        further = f" and {self.batches} batches" if self.batches else ""
        logger.info("training continues after epoch %d%s", epochs, further)
        return True

    def _give_up(self) -> None:
        failed = (place for place, course in enumerate(self.courses) if course.failure)
        self._learner.given_up = frozenset(failed)

    def _drawn(self, epoch: int) -> Iterator[list[Batch]]:
        """A batch for each setting; those with the same seed get the same one, gathered once."""
        first = self.courses[0].settings
        seeds = list(dict.fromkeys(course.settings.seed for course in self.courses))
        streams = [
            self._training.batches(
                first.rows(len(self._training)),
                seed=seed,
                epoch=epoch,
                drop_last=first.drop_last,
                done=self.batches,
            )
            for seed in seeds
        ]
        for drawn in zip(*streams, strict=True):
            of_seed = dict(zip(seeds, drawn, strict=True))
            yield [of_seed[course.settings.seed] for course in self.courses]


def _not_finite(record: EpochRecord, settings: TrainingSettings) -> str:
    return (
        f"the loss must stay finite, but is not after epoch {record.epoch} (training "
        f"{record.train_loss:g}, validation {record.validation_loss:g}; λ = {settings.lambda_:g}, "
        f"seed {settings.seed}, learning rate {settings.learning_rate:g}): lower learning_rate, "
        "or look for infinite, NaN or very large features"
    )


def _looking(blocks: Iterable[Batch], look: Callable[[], None]) -> Iterator[Batch]:
    for block in blocks:
        look()
        yield block


def _part(arrays: Arrays, prefix: str) -> Arrays:
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
