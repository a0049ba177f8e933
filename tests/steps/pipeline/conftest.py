from __future__ import annotations

from collections.abc import Callable

import pytest

from sdml.steps.context import Context
from sdml.steps.pipeline import Pins, Task, begin, prepare_pinned
from sdml.tracking import MemoryTracker

Start = Callable[..., Pins]


def task_of(context: Context, run: str = "p1") -> Task:
    """A task of the pipeline run ``run``."""
    return Task(context=context, pipeline_run=run)


def tracker_of(context: Context) -> MemoryTracker:
    assert isinstance(context.tracker, MemoryTracker)
    return context.tracker


@pytest.fixture
def start() -> Start:
    """The first two tasks of a run."""

    def call(
        context: Context, *modalities: str, new_modality: bool = False, pipeline: str = "train"
    ) -> Pins:
        task = task_of(context)
        what = {"modalities": modalities, "new_modality": new_modality}
        begun = begin(task, **what, pipeline=pipeline)  # type: ignore[arg-type]
        return prepare_pinned(
            task,
            **what,  # type: ignore[arg-type]
            inputs=begun.inputs,
            for_prior=pipeline == "prior",
        )

    return call
