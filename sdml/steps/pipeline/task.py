"""One task of a pipeline: its experiment, its place in tracking, and how it ends."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sdml.errors import DataError, Interrupted, NotFoundError, SDMLError
from sdml.experiment import Experiment, parse_experiment
from sdml.steps.context import Context
from sdml.steps.stopping import stop_on_sigterm
from sdml.store import open_store
from sdml.tracking import FoundRun, Run

logger = logging.getLogger(__name__)

PIPELINE_RUN = "SDML_PIPELINE_RUN"
"""Environment variable with the id of the pipeline run; on a cluster, from the pod's label.

Not a parameter: that would be another one for each run, and no task could ever be cached.
"""

_PARENT = {"level": "pipeline"}
_WHERE = "pipeline parameter 'experiment'"


@dataclass(frozen=True, kw_only=True)
class Task:
    """An opened experiment inside one pipeline run.

    Attributes:
        context: what the steps work with.
        pipeline_run: id of the pipeline run, empty outside of one.
        stop: whether this process was asked to end.
    """

    context: Context
    pipeline_run: str
    stop: Callable[[], bool] = lambda: False

    def tags(self) -> dict[str, str]:
        """The tag that joins all tracking runs of the pipeline run."""
        return {"pipeline_run": self.pipeline_run} if self.pipeline_run else {}

    def parent(self) -> FoundRun | None:
        """The pipeline run's parent in tracking, or None if there is none to be found."""
        if not self.pipeline_run:
            return None
        collection = self.context.experiment.collection
        found = self.context.tracker.find(collection, {**_PARENT, **self.tags()})
        return found[0] if found else None

    def resume_parent(self, name: str = "pipeline") -> Run:
        """The parent, made with that name if there is none; only the last task finishes it."""
        collection = self.context.experiment.collection
        parent = self.parent()
        if parent is not None:
            return self.context.tracker.resume(collection, parent.id)
        tags = {"collection": collection, **_PARENT, **self.tags()}
        return self.context.tracker.start(collection, name, tags=tags)

    def require(self, uris: Iterable[str]) -> None:
        """Refuse to begin with versions that Kubeflow's cache remembers and the store has lost.

        Raises:
            NotFoundError: one is not there.
        """
        for uri in uris:
            try:
                self.context.catalog.get(uri)
            except NotFoundError as error:
                raise NotFoundError(
                    f"{error}. If it was removed (sdml gc) after an earlier run, Kubeflow's cache "
                    "does not know: compile or submit with --no-cache"
                ) from error

    def tell_parent(self, **tags: str) -> None:
        """Set tags on the parent if there is one; that never fails a task."""
        with suppress(SDMLError):
            parent = self.parent()
            if parent is not None:
                run = self.context.tracker.resume(self.context.experiment.collection, parent.id)
                run.tag(tags)
                run.leave()


@contextmanager
def pipeline_task(
    experiment: str, *, name: str, store: str = "", tracking: str = ""
) -> Iterator[Task]:
    """Open the experiment for one task; an SDML error ends the process with one line.

    Args:
        experiment: content of the experiment file, or its ``s3://`` address.
        name: of the task, told to the parent run when it fails.
        store: in place of the file's store, unless empty.
        tracking: in place of the file's tracking address, unless empty.
    """
    log_to_stdout()
    pipeline_run = os.environ.get(PIPELINE_RUN, "")
    try:
        with stop_on_sigterm() as stop:
            task = None
            try:
                opened = _with_endpoints(_parse(experiment), store, tracking)
                context = Context.open(opened)
                task = Task(context=context, pipeline_run=pipeline_run, stop=stop)
                yield task
            except Exception as error:
                stopped = isinstance(error, SDMLError) and error.exit_code == Interrupted.exit_code
                if task is not None and not stopped:
                    task.tell_parent(last_failure=name, last_error=_line(error))
                raise
    except SDMLError as error:
        # Two lines that a person can read and pipelines/task_log.py relies on: Kubeflow tells
        # that a task has failed, but not with which exit code.
        sys.stdout.write(f"sdml: error: {_line(error)}\nsdml: exit code {error.exit_code}\n")
        sys.stdout.flush()
        sys.exit(error.exit_code)


def log_to_stdout() -> None:
    """Write what the package logs as lines that begin with ``sdml:``."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("sdml: %(message)s"))
    package = logging.getLogger("sdml")
    package.handlers = [handler]
    package.setLevel(logging.INFO)
    package.propagate = False


def _parse(experiment: str) -> Experiment:
    if not experiment.startswith("s3://"):
        return parse_experiment(experiment, where=_WHERE)
    folder, _, name = experiment.rpartition("/")
    try:
        text = open_store(folder).get(name).decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{experiment}: an experiment file is YAML in UTF-8: {error}") from error
    return parse_experiment(text, where=experiment)


def _with_endpoints(experiment: Experiment, store: str, tracking: str) -> Experiment:
    said = {name: value for name, value in (("store", store), ("tracking", tracking)) if value}
    return experiment.model_copy(update=said)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
