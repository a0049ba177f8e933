"""Follows a run until its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import kfp_server_api as api

from pipelines.submission.address import run_page
from pipelines.submission.connection import Connection
from pipelines.submission.errors import NoAnswerError, RefusedError, SubmissionError
from pipelines.submission.tasks import Task, tasks_of

_ENDS = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")


class Display(Protocol):
    """Where the states are shown."""

    def update(self, state: str, tasks: Sequence[Task]) -> None:
        """The run's state and its tasks at this moment."""

    def note(self, text: str) -> None:
        """Something that the watcher should know."""


def watch(
    connection: Connection,
    run_id: str,
    display: Display,
    *,
    seconds: float = 3.0,
    patience: float = 900.0,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Return when the run has succeeded.

    A server that goes away or no longer takes the token is waited for, since the run goes on
    without it; but the first question must be answered.

    Args:
        seconds: between two questions.
        patience: seconds without an answer before giving up.

    Raises:
        SubmissionError: the run failed or was ended; or the server stayed away.
        RefusedError: there is no such run, or the user may not see it.
    """
    page = run_page(connection.host, run_id)
    run = _get(connection, run_id)
    answered = clock()
    silent = False
    while True:
        if run is not None:
            state = str(run.state or "PENDING")
            tasks = tasks_of(run)
            display.update(state, tasks)
            if state == "SUCCEEDED":
                return
            if state in _ENDS:
                raise SubmissionError(_ending(state, run, tasks, page))
        time.sleep(seconds)
        try:
            run = _get(connection, run_id)
            answered = clock()
            silent = False
        except (NoAnswerError, RefusedError) as error:
            if isinstance(error, RefusedError) and error.status != 401:
                raise
            if clock() - answered > patience:
                raise SubmissionError(
                    f"{error}; given up after {patience:.0f} seconds, the run may still go on: "
                    f"{page}"
                ) from error
            if not silent:
                display.note(f"{error}; the run goes on, asking again")
            run, silent = None, True


def _get(connection: Connection, run_id: str) -> Any:
    try:
        return api.RunServiceApi(connection).run_service_get_run(run_id)
    except RefusedError as error:
        if error.status == 404:
            raise RefusedError(
                f"{connection.host}: there is no run {run_id!r} there", status=404
            ) from error
        raise


def _ending(state: str, run: Any, tasks: Sequence[Task], page: str) -> str:
    failed = [task for task in tasks if task.state == "FAILED"]
    why = "; ".join(
        f"task {t.name}: {t.message}" if t.message else f"task {t.name}" for t in failed
    )
    if not why and run.error is not None and run.error.message:
        why = " ".join(run.error.message.split())
    if state == "FAILED":
        return f"the run failed: {why or 'no task says why'}: read the task's log at {page}"
    if state == "CANCELED":
        return f"the run was ended by somebody before it was done: {page}"
    return f"the run was skipped by the server{f': {why}' if why else ''}: {page}"
