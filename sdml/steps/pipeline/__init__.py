"""What the steps need when they run as tasks of a pipeline.

Tasks share nothing but the files that the pipeline hands from one to the next, and one parent run
in tracking, which they find by the pipeline run's id. The first tasks pin every version that the
run works with, so that nothing published meanwhile can change what the later tasks see.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdml.steps.pipeline.beginning import begin, prepare_pinned
    from sdml.steps.pipeline.ending import finish
    from sdml.steps.pipeline.evaluation import evaluate_pinned
    from sdml.steps.pipeline.prior import fit_prior_pinned
    from sdml.steps.pipeline.prior_selection import select_prior_pinned
    from sdml.steps.pipeline.records import (
        Pins,
        PriorRecord,
        TrainedRecord,
        read_priors,
        read_records,
        write_records,
    )
    from sdml.steps.pipeline.sweep import sweep_pinned
    from sdml.steps.pipeline.task import Task, pipeline_task
    from sdml.steps.pipeline.training import train_pinned
    from sdml.steps.shards import prepare_shard

_MODULES = {
    "begin": "pipeline.beginning",
    "prepare_pinned": "pipeline.beginning",
    "finish": "pipeline.ending",
    "evaluate_pinned": "pipeline.evaluation",
    "fit_prior_pinned": "pipeline.prior",
    "select_prior_pinned": "pipeline.prior_selection",
    "Pins": "pipeline.records",
    "PriorRecord": "pipeline.records",
    "TrainedRecord": "pipeline.records",
    "read_priors": "pipeline.records",
    "read_records": "pipeline.records",
    "write_records": "pipeline.records",
    "sweep_pinned": "pipeline.sweep",
    "Task": "pipeline.task",
    "pipeline_task": "pipeline.task",
    "train_pinned": "pipeline.training",
    "prepare_shard": "shards",
}

__all__ = [
    "Pins",
    "PriorRecord",
    "Task",
    "TrainedRecord",
    "begin",
    "evaluate_pinned",
    "finish",
    "fit_prior_pinned",
    "pipeline_task",
    "prepare_pinned",
    "prepare_shard",
    "read_priors",
    "read_records",
    "select_prior_pinned",
    "sweep_pinned",
    "train_pinned",
    "write_records",
]


def __getattr__(name: str) -> Any:
    """Import what a task asks for and no more: most tasks need no torch, which takes seconds."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"sdml.steps.{_MODULES[name]}"), name)
