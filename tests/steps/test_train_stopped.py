"""Trainings that are killed, or told to stop, and go on from their checkpoint."""

from __future__ import annotations

import itertools
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sdml.errors import Interrupted
from sdml.steps.prepare import prepare
from sdml.steps.stopping import stop_on_sigterm
from sdml.steps.train import train
from sdml.training import EpochRecord
from tests.steps.conftest import MakeContext
from tests.steps.trained import encoders, runs, weights

KILLED = """
import os, signal, sys
from pathlib import Path
from sdml.experiment import read_experiment
from sdml.steps.context import Context
from sdml.steps.train import train

def on_epoch(record, epochs):
    if record.epoch == 4:
        os.kill(os.getpid(), signal.SIGKILL)

context = Context.open(read_experiment(Path(sys.argv[1])), track=False)
train(context, "image", on_epoch=on_epoch)
"""


def test_a_killed_training_goes_on_and_ends_with_the_same_encoder(
    make: MakeContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    every_epoch: dict[str, Any] = {"epochs": 7, "checkpoint_seconds": 0}
    whole = make("image", training=every_epoch, store=str(tmp_path / "whole"))
    prepare(whole)
    expected = train(whole, "image")

    context = make("image", training=every_epoch)
    prepare(context)
    file = str(tmp_path / "experiment.yaml")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, file], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert encoders(tmp_path) == []
    checkpoints = tmp_path / "store" / "tiny" / "checkpoints"
    assert [path.suffix for path in checkpoints.rglob("*") if path.is_file()] == [".safetensors"]

    seen: list[int] = []
    with caplog.at_level(logging.INFO, logger="sdml"):
        resumed = train(context, "image", on_epoch=lambda record, _: seen.append(record.epoch))
    assert "training continues after epoch 4" in caplog.text
    assert seen == [5, 6, 7]
    assert resumed.epochs == 7
    version, other = context.catalog.get(resumed.encoder), whole.catalog.get(expected.encoder)
    assert version.manifest.objects == other.manifest.objects
    assert version.manifest.settings == other.manifest.settings
    assert [path for path in checkpoints.rglob("*") if path.is_file()] == []


def stopped_at(asks: int) -> Callable[[], bool]:
    """Says so when it is asked for the n-th time, counted from 1."""
    asked = itertools.count(1)
    return lambda: next(asked) >= asks


def test_a_stop_ends_the_run_as_killed_and_keeps_a_checkpoint(
    make: MakeContext, tmp_path: Path
) -> None:
    whole = make("image", store=str(tmp_path / "whole"))
    prepare(whole)
    expected = weights(whole, train(whole, "image"))
    context = make("image")
    prepare(context)
    with pytest.raises(Interrupted, match="in epoch 2 of 3, after 1 of its batches"):
        train(context, "image", stop=stopped_at(6))  # once before, three batches, validation, one
    assert [run.status for run in runs(context)] == ["killed"]
    assert encoders(tmp_path) == []
    assert weights(context, train(context, "image", stop=lambda: False)) == expected


def test_a_stop_while_it_publishes_is_too_late(make: MakeContext) -> None:
    context = make("image")
    prepare(context)
    told = False

    def on_epoch(record: EpochRecord, epochs: int) -> None:
        nonlocal told
        told = record.epoch == epochs

    train(context, "image", stop=lambda: told, on_epoch=on_epoch)
    assert [run.status for run in runs(context)] == ["finished"]


def test_a_signal_while_it_reads_ends_the_run_as_killed(
    make: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody asks before the first batch."""
    context = make("image")
    prepare(context)

    def told(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(sys.modules["sdml.steps.train"], "fit", told)

    def work() -> None:
        with stop_on_sigterm() as stop:
            train(context, "image", stop=stop)

    with pytest.raises(Interrupted, match="ended by SIGTERM"):
        work()
    assert [run.status for run in runs(context)] == ["killed"]
