"""The task that selects a prior: the best of those that this run has learned, and no other."""

from __future__ import annotations

from collections.abc import Sequence

from sdml.steps.pipeline.records import PriorRecord
from sdml.steps.pipeline.task import Task
from sdml.steps.prior_selection import SelectedPrior, select_prior


def select_prior_pinned(task: Task, records: Sequence[PriorRecord]) -> SelectedPrior:
    """Make the best-scored prior of this run the collection's subspace.

    What was selected, and the scores, stand on the tracking parent.

    Raises:
        ExperimentError: the file does not ask for a prior.
        UserError: no prior was learned, or the best one was selected before another one.
        NotFoundError: one of them has been removed.
    """
    task.tell_parent(task="select")
    candidates = {record.modality: record.prior for record in records}
    task.require(candidates.values())
    made = select_prior(task.context, candidates=candidates)
    parent = task.resume_parent()
    parent.tag(
        {
            "subspace": made.subspace.rpartition("/")[2],
            "selected": made.modality,
            "prior": candidates[made.modality],
        }
    )
    parent.metrics({f"score/{modality}": score for modality, score in made.scores.items()})
    parent.describe(_description(made, candidates))
    parent.leave()
    return made


def _description(made: SelectedPrior, candidates: dict[str, str]) -> str:
    """Markdown: the subspace, and a row for each candidate, the best one first."""
    ordered = sorted(made.scores, key=made.scores.__getitem__, reverse=True)
    rows = [f"| {name} | {made.scores[name]:.4f} | `{candidates[name]}` |" for name in ordered]
    return "\n".join(
        [
            f"The prior of **{made.modality}** is the subspace: `{made.subspace}`",
            "",
            "| modality | score | candidate |",
            "| --- | --- | --- |",
            *rows,
        ]
    )
