"""What a training has left: the encoder's weights, the tracked runs, the files."""

from __future__ import annotations

from pathlib import Path

from sdml.steps.context import Context
from sdml.steps.train import Trained
from sdml.tracking import MemoryRun, MemoryTracker


def weights(context: Context, trained: Trained) -> bytes:
    return context.catalog.read(context.catalog.get(trained.encoder), "encoder.safetensors")


def runs(context: Context) -> list[MemoryRun]:
    assert isinstance(context.tracker, MemoryTracker)
    return context.tracker.runs


def encoders(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "store").glob("tiny/encoders/*/*"))
