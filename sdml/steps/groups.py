"""Several modalities in groups: what is trained against another's codes comes after that one.

Only method ``mtls`` needs an order. Without it there is one group, whose modalities are trained
beside each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sdml.errors import ExperimentError
from sdml.steps.beside import Outcome, Say, run_beside
from sdml.steps.context import Context
from sdml.steps.modalities import MachinePlan, plan_modalities
from sdml.steps.partner import check_paired, partner_of
from sdml.steps.plan import prepared
from sdml.steps.processes import verdict

Groups = tuple[MachinePlan, list[list[str]]]
"""The plan of the first group, and the names in those that follow."""


def planned_groups(context: Context, modalities: Sequence[str]) -> Groups:
    """Plan the first group, and check what can be known of the others.

    Args:
        context: the opened experiment.
        modalities: names in the experiment file, each once.

    Raises:
        ExperimentError, NotFoundError, SubspaceError, DataError: one of them cannot be trained.
    """
    first, *later = in_order(context, modalities)
    plan = plan_modalities(context, first)
    for name in (name for group in later for name in group):
        partner = partner_of(context, name)
        assert partner is not None
        check_paired(context, prepared(context, name), prepared(context, partner))
    return plan, later


def run_groups(
    context: Context,
    groups: Groups,
    command: Callable[[str], Sequence[str]],
    stop: Callable[[], bool],
    say: Say,
) -> Outcome:
    """Train one group after the other; arguments as of :func:`~sdml.steps.beside.run_beside`.

    What has lost its partner does not begin.

    Raises:
        ExperimentError, NotFoundError, SubspaceError, DataError: a later one cannot be trained.
    """
    plan, later = groups
    ended = run_beside(plan.jobs, plan.machine, command, stop, say, pinned=plan.pinned)
    for group in later:
        lost = {*ended.failed, *ended.not_begun}
        ready = [name for name in group if partner_of(context, name) not in lost]
        orphans = [name for name in group if name not in ready]
        if ready and not stop():
            plan = plan_modalities(context, ready)
            more = run_beside(plan.jobs, plan.machine, command, stop, say, pinned=plan.pinned)
        else:
            more = Outcome(results={}, failed={}, not_begun=ready, code=0)
        ended = _both(ended, more, orphans)
    return ended


def in_order(context: Context, modalities: Sequence[str]) -> list[list[str]]:
    """Modalities in groups: each partner stands in an earlier group, if it is among them.

    Raises:
        ExperimentError: there is no such modality, or partners go round in a circle.
    """
    partners = {}
    for name in modalities:
        context.modality(name)
        partners[name] = partner_of(context, name)
    groups: list[list[str]] = []
    left = list(modalities)
    while left:
        ready = [name for name in left if partners[name] not in left]
        if not ready:
            raise ExperimentError(
                f"{', '.join(left)} wait for each other's codes in method mtls, so none can be "
                "trained first: train them one at a time with --modality, the first by another "
                "method"
            )
        groups.append(ready)
        left = [name for name in left if name not in ready]
    return groups


def _both(one: Outcome, two: Outcome, orphans: list[str]) -> Outcome:
    results: dict[str, Any] = {**one.results, **two.results}
    failed = {**one.failed, **two.failed}
    not_begun = [*one.not_begun, *two.not_begun, *orphans]
    # 143 for what a stop came before; what has lost its partner adds nothing to that one's code
    stopped = bool(one.not_begun or two.not_begun)
    code = verdict([*failed.values(), *([143] if stopped else [])], stopped=stopped)
    return Outcome(results=results, failed=failed, not_begun=not_begun, code=code)
