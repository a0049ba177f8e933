"""The last task, which always runs: how the pipeline run ended, on its parent in tracking."""

from __future__ import annotations

import logging

from sdml.steps.pipeline.summary import sweep_summary
from sdml.steps.pipeline.task import Task
from sdml.tracking import RunStatus

logger = logging.getLogger(__name__)

_OUTCOMES: dict[str, RunStatus] = {"SUCCEEDED": "finished", "CANCELLED": "killed"}
_KNOWN = ("prepare", "evaluate", "select")
_UNKNOWN = "unknown: its pod ended before it could say so, see Kubeflow"


def finish(task: Task, state: str, message: str = "") -> RunStatus:
    """End the parent run, and the children that a killed pod has left running.

    A task that fails names itself on the parent. One that is killed outright cannot, but leaves
    its tracking run unfinished, which names its modality.

    Args:
        state: of the pipeline run, in Kubeflow's words.
        message: what Kubeflow says of a failure.
    """
    outcome = _OUTCOMES.get(state, "failed")
    parent = task.parent()
    said = parent.tags if parent else {}
    killed = _end_children(task)
    tags: dict[str, str] = {"outcome": outcome}
    if outcome != "finished":
        at = said.get("task", "")
        tags["failed_task"] = (
            said.get("last_failure")
            or ", ".join(f"{name} (killed)" for name in killed)
            or (at if at in _KNOWN else _UNKNOWN)
        )
        tags["error"] = said.get("last_error") or message
        logger.info("failed task: %s", tags["failed_task"])
    run = task.resume_parent()
    run.tag(tags)
    summary = sweep_summary(task)
    if summary:
        run.describe(summary)
    run.finish(outcome)
    logger.info("outcome of the pipeline run: %s", outcome)
    return outcome


def _end_children(task: Task) -> list[str]:
    """End the tracking runs that no process can be writing any more; returns their tasks."""
    if not task.pipeline_run:
        return []
    tracker, collection = task.context.tracker, task.context.experiment.collection
    left = [
        run
        for run in tracker.find(collection, task.tags())
        if run.running and run.tags.get("level") != "pipeline"
    ]
    for run in left:
        tracker.resume(collection, run.id).finish("killed")
    return [f"{'fit' if run.tags.get('level') == 'prior' else 'train'} {run.name}" for run in left]
