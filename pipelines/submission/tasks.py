"""The tasks of a run, out of what the server tells of its workflow.

It lists every node of the Argo workflow: beside the tasks also drivers, executors, loops, their
iterations, and the workflow itself. People know the tasks; the rest is left out, but a driver
that failed, for then its task never came to be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_MACHINERY = re.compile(
    r"root|(importer-)?executor(\(.*\))?|.*-driver|(for-loop|condition|exit-handler)-.*"
    r"|iteration-.*"
)
_ITERATION = re.compile(r"iteration-.*\((\d+)\b.*\)")


@dataclass(frozen=True)
class Task:
    """One task: ``key`` stays the same while the run goes on, ``state`` does not."""

    key: str
    name: str
    state: str
    message: str


def tasks_of(run: Any) -> list[Task]:
    """The run's tasks, those first that started first; those of a loop carry a number.

    Args:
        run: a ``V2beta1Run``.
    """
    details = list((run.run_details.task_details if run.run_details else None) or [])
    by_pod = {str(detail.pod_name): detail for detail in details}
    parents: dict[str, list[str]] = {}
    for detail in details:
        for child in detail.child_tasks or []:
            parents.setdefault(str(child.pod_name), []).append(str(detail.pod_name))
    shown = [d for d in details if not _hidden(d, parents)]
    shown.sort(key=lambda d: (d.start_time is None, str(d.start_time), str(d.pod_name)))
    names = [str(detail.display_name) for detail in shown]
    return [
        Task(
            key=str(detail.pod_name or detail.task_id),
            name=name + (_number(detail, parents, by_pod) if names.count(name) > 1 else ""),
            state=str(detail.state or "PENDING"),
            message=_message(detail, by_pod),
        )
        for detail, name in zip(shown, names, strict=True)
    ]


def _hidden(detail: Any, parents: Mapping[str, Sequence[str]]) -> bool:
    name = str(detail.display_name or "")
    if parents and detail.child_tasks and str(detail.pod_name) not in parents:
        return True  # the workflow itself: it has children, and is nobody's child
    if name.endswith("-driver") and detail.state == "FAILED":
        return False
    return not name or _MACHINERY.fullmatch(name) is not None


def _number(detail: Any, parents: Mapping[str, Sequence[str]], by_pod: Mapping[str, Any]) -> str:
    """`` #2`` in the second iteration of the loop around a task; nothing outside of loops."""
    above, seen = [str(detail.pod_name)], set()
    while above:
        pod = above.pop(0)
        match = _ITERATION.fullmatch(str(by_pod[pod].display_name)) if pod in by_pod else None
        if match:
            return f" #{int(match[1]) + 1}"
        seen.add(pod)
        above += [parent for parent in parents.get(pod, []) if parent not in seen]
    return ""


def _message(detail: Any, by_pod: Mapping[str, Any]) -> str:
    """Why it failed: its own error, or that of the executor below it."""
    below: Sequence[Any] = [by_pod.get(str(child.pod_name)) for child in detail.child_tasks or []]
    for one in (detail, *below):
        if one is None or one.state != "FAILED":
            continue
        for error in (one.error, *(s.error for s in reversed(one.state_history or []))):
            if error is not None and error.message:
                return " ".join(error.message.split())
    return ""
