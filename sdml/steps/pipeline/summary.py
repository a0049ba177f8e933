"""What a sweep's parent says of itself in MLflow: mAP of every λ, and how to see more."""

from __future__ import annotations

import logging

from sdml.errors import SDMLError
from sdml.steps.pipeline.task import Task
from sdml.tracking import TAG_CHARACTERS

logger = logging.getLogger(__name__)


def sweep_summary(task: Task) -> str:
    """Markdown with a row for each evaluation below the parent; empty if there is none.

    A report that cannot be read does not fail the task: it stands in the store still.
    """
    if not task.pipeline_run:
        return ""
    collection = task.context.experiment.collection
    wanted = {"level": "evaluation", **task.tags()}
    found = task.context.tracker.find(collection, wanted)
    reports = [run.tags["report"] for run in found if "report" in run.tags]
    if not reports:
        return ""
    from sdml.steps.compare import compare  # imports torch

    try:
        headings, *lines = compare(task.context, reports).table(pairs=True)
    except SDMLError as error:
        logger.warning("the sweep's parent gets no table: %s", error)
        return ""
    table = "\n".join(
        "| " + " | ".join(line) + " |" for line in (headings, ["---"] * len(headings), *lines)
    )
    text = (
        f"A sweep over λ, evaluated on {len(reports)} values.\n\n{table}\n\n"
        "The same in the terminal: `sdml compare --experiment FILE.yaml RUN_ID`, with this run's "
        "id. The curve: select the runs *evaluate λ=…* and compare `lambda` with `map/mean`."
    )
    return text[:TAG_CHARACTERS]
