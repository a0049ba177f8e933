"""A training task on several processes: the same encoder's history, one record, one error."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from sdml.errors import DataError, Interrupted
from sdml.steps.pipeline import Pins, Task, train_pinned
from sdml.steps.pipeline.together import TogetherError
from sdml.steps.prepare import prepare
from sdml.steps.stopping import stop_on_sigterm
from tests.steps.conftest import MakeContext
from tests.steps.pipeline.conftest import task_of

pytestmark = pytest.mark.slow


def pins_of(task: Task) -> Pins:
    made = prepare(task.context)
    return Pins(subspace=made.subspace, features=made.features)


def test_two_processes_train_what_one_does(make: MakeContext) -> None:
    task = task_of(make())
    pins = pins_of(task)
    alone = train_pinned(task, pins, "image", lambda_=0.5, reuse=False)
    shared = train_pinned(task, pins, "image", lambda_=0.5, reuse=False, processes=2)
    assert (shared.modality, shared.epochs) == ("image", 3)
    catalog = task.context.catalog
    curves = [
        [
            epoch["train_loss"]
            for epoch in json.loads(catalog.read(catalog.get(record.encoder), "history.json"))
        ]
        for record in (alone, shared)
    ]
    assert curves[1] == pytest.approx(curves[0], rel=1e-5)


def test_a_mistake_is_told_once_with_its_exit_code(make: MakeContext) -> None:
    task = task_of(make(training={"batch_size": 37, "least_batches": 1}))
    with pytest.raises(TogetherError, match="batch_size") as caught:
        train_pinned(task, pins_of(task), "image", lambda_=0.5, reuse=False, processes=2)
    assert caught.value.exit_code == DataError.exit_code


def test_sigterm_stops_all_of_them_and_keeps_the_checkpoint(
    make: MakeContext, tmp_path: Path
) -> None:
    context = make(training={"epochs": 100_000, "checkpoint_seconds": 0})
    checkpoints = tmp_path / "store" / "tiny" / "checkpoints"

    def end_when_it_trains() -> None:
        deadline = time.monotonic() + 60
        while not list(checkpoints.rglob("*.safetensors")) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    with stop_on_sigterm() as stop:
        task = Task(context=context, pipeline_run="p1", stop=stop)
        pins = pins_of(task)
        threading.Thread(target=end_when_it_trains).start()
        with pytest.raises(TogetherError) as caught:
            train_pinned(task, pins, "image", lambda_=0.5, reuse=False, processes=2)
    assert caught.value.exit_code == Interrupted.exit_code
    assert list(checkpoints.rglob("*.safetensors"))
