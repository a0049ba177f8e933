"""What the steps need when they run as tasks of a pipeline: pins, and one tracking parent.

Tasks share nothing but the files that the pipeline hands from one to the next. The first
task pins every version that the run works with, so that nothing published meanwhile can
change what the later tasks see.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sdml.errors import SDMLError, UserError
from sdml.experiment import parse_experiment
from sdml.steps.context import Context
from sdml.steps.encoders import newest_encoders
from sdml.steps.evaluate import Evaluated, evaluate
from sdml.steps.prepare import prepare
from sdml.steps.train import Trained, train
from sdml.tracking import RunStatus
from sdml.training import EpochRecord

logger = logging.getLogger(__name__)

_SWEEP = "sweep"


@dataclass(frozen=True, kw_only=True)
class Pins:
    """Versions that a pipeline run works with, and its tracking parent.

    ``encoders`` are those of other modalities, already stored, that the evaluation includes.
    """

    subspace: str
    features: dict[str, str]
    encoders: dict[str, str]
    parent_run: str
    pipeline_run: str

    def write(self, path: str) -> None:
        """Write to the file that the pipeline hands on."""
        Path(path).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: str) -> Pins:
        """Read what the first task has written."""
        return cls(**json.loads(Path(path).read_text(encoding="utf-8")))


@dataclass(frozen=True, kw_only=True)
class TrainedRecord:
    """What one training task hands on."""

    encoder: str
    modality: str
    weight: float
    best_epoch: int
    epochs: int
    seconds: float

    def write(self, path: str) -> None:
        """Write to the file that the pipeline hands on."""
        Path(path).write_text(json.dumps(asdict(self)), encoding="utf-8")

    def summary(self) -> dict[str, Any]:
        """Metadata shown beside the artifact."""
        return {"encoder": self.encoder, "modality": self.modality, "lambda": self.weight}


@contextmanager
def pipeline_task(experiment: str) -> Iterator[Context]:
    """Open the experiment for one task; an SDML error ends the process with one line.

    Args:
        experiment: content of the experiment file.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("sdml: %(message)s"))
    package = logging.getLogger("sdml")
    package.handlers = [handler]
    package.setLevel(logging.INFO)
    package.propagate = False
    try:
        yield Context.open(parse_experiment(experiment, where="pipeline parameter 'experiment'"))
    except SDMLError as error:
        # Two lines that a person can read and pipelines/task_log.py relies on: Kubeflow tells
        # that a task has failed, but not with which exit code.
        line = " ".join(str(error).split())
        sys.stdout.write(f"sdml: error: {line}\nsdml: exit code {error.exit_code}\n")
        sys.stdout.flush()
        sys.exit(error.exit_code)


def begin(
    context: Context,
    *,
    modalities: Sequence[str],
    new_modality: bool,
    pipeline: str,
    pipeline_run: str,
) -> Pins:
    """Prepare the modalities, pin the versions and start the tracking parent.

    Raises:
        UserError: no modality is named.
    """
    if not modalities:
        raise UserError("a pipeline run needs at least one modality: give the parameter some")
    made = prepare(context, modalities=modalities, new_modality=new_modality)
    others = {}
    if new_modality:
        subspace = context.catalog.get(made.subspace).path
        others = {
            version.manifest.modality or "": version.uri
            for version in newest_encoders(context, subspace=subspace, leave_out=modalities)
        }
    parent = context.tracker.start(
        context.experiment.collection,
        pipeline,
        tags={
            "collection": context.experiment.collection,
            "pipeline": pipeline,
            "pipeline_run": pipeline_run,
            "subspace": context.catalog.get(made.subspace).manifest.id,
            "modalities": ", ".join(modalities),
        },
    )
    training = context.experiment.training
    settings = {"method": training.method, "epochs": training.epochs, "seed": training.seed}
    if pipeline != _SWEEP:  # there each λ has a child of its own
        settings["lambda"] = training.lambda_
        parent.metrics({"lambda": training.lambda_})
    parent.params(settings)
    parent.leave()
    return Pins(
        subspace=made.subspace,
        features=made.features,
        encoders=others,
        parent_run=parent.id,
        pipeline_run=pipeline_run,
    )


def train_pinned(
    context: Context, pins: Pins, modality: str, *, lambda_: float | None
) -> TrainedRecord:
    """Train one modality on its pinned feature set."""
    logger.info("training %s%s", modality, "" if lambda_ is None else f" with λ = {lambda_:g}")
    with _parent_learns_of_failure(context, pins):
        trained: Trained = train(
            context,
            modality,
            features=pins.features[modality],
            lambda_=lambda_,
            parent_run=pins.parent_run,
            pipeline_run=pins.pipeline_run,
            on_epoch=_log_progress,
        )
    weight = context.experiment.training_of(modality).lambda_ if lambda_ is None else lambda_
    return TrainedRecord(
        encoder=trained.encoder,
        modality=modality,
        weight=weight,
        best_epoch=trained.best_epoch,
        epochs=trained.epochs,
        seconds=trained.seconds,
    )


def read_records(path: str) -> list[TrainedRecord]:
    """Read the records that the gather task has collected."""
    return [TrainedRecord(**r) for r in json.loads(Path(path).read_text(encoding="utf-8"))]


def evaluate_pinned(
    context: Context, pins: Pins, records: Sequence[TrainedRecord], *, lambda_: float | None
) -> Evaluated:
    """Evaluate this run's encoders (only those of one λ, if given) with the pinned others.

    The figures stand on the tracking parent, which ends with this. Those of one λ stand on a
    child of their own, and the parent ends with the last λ: the tasks do not know which is last,
    so each of them ends it.
    """
    chosen = [r.encoder for r in records if lambda_ is None or r.weight == lambda_]
    with _parent_learns_of_failure(context, pins):
        return _evaluate(context, pins, [*chosen, *pins.encoders.values()], lambda_)


def _evaluate(
    context: Context, pins: Pins, encoders: Sequence[str], lambda_: float | None
) -> Evaluated:
    collection = context.experiment.collection
    if lambda_ is None:
        with context.tracker.resume(collection, pins.parent_run) as parent:
            return evaluate(context, encoders=encoders, run=parent)
    tags = {
        "collection": collection,
        "subspace": context.catalog.get(pins.subspace).manifest.id,
        "pipeline_run": pins.pipeline_run,
    }
    with context.tracker.start(
        collection, f"evaluate λ={lambda_:g}", parent=pins.parent_run, tags=tags
    ) as child:
        child.params({"lambda": lambda_})
        child.metrics({"lambda": lambda_})
        evaluated = evaluate(context, encoders=encoders, run=child)
    context.tracker.resume(collection, pins.parent_run).finish()
    return evaluated


@contextmanager
def _parent_learns_of_failure(context: Context, pins: Pins) -> Iterator[None]:
    """End the tracking parent as failed or killed when a task of its pipeline run ends so."""
    try:
        yield
    except BaseException as error:
        status: RunStatus = "failed" if isinstance(error, Exception) else "killed"
        with suppress(SDMLError):  # the task's own error is the one to tell
            context.tracker.resume(context.experiment.collection, pins.parent_run).finish(status)
        raise


def _log_progress(record: EpochRecord, epochs: int) -> None:
    """A line at each fifth of the epochs, for those who follow the pod's log."""
    if record.epoch % max(1, epochs // 5) == 0:
        logger.info(
            "epoch %d of %d: loss %.4f, validation %.4f, %.0f samples/s",
            record.epoch,
            epochs,
            record.train_loss,
            record.validation_supervised,
            record.samples_per_second,
        )
