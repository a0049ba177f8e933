"""The MLflow backend: runs, their places under a parent, and what failures mean.

Uses ``MlflowClient`` with an explicit address, never the fluent API: that one keeps a global
active run, and lets an injected ``MLFLOW_RUN_ID`` override an explicit parent (mlflow#15713).
Nesting is the tag ``mlflow.parentRunId``, set here and nowhere else.

Every run carries the tag ``sdml.uid``. It makes creation repeatable (a run is looked for before
it is made, so a lost answer leaves no twin) and lets a child find a parent that was itself
created late: the child carries ``sdml.parent_uid``, and whichever of the two comes second ties
the knot.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sdml.errors import MissingExtraError, TrackingError
from sdml.tracking.address import Address, check_database
from sdml.tracking.base import FoundRun
from sdml.tracking.delivery import Failure
from sdml.tracking.events import Event, Start
from sdml.tracking.failures import failure_of
from sdml.tracking.mlflow_sending import log_pairs, send_event
from sdml.tracking.remote import PLACEHOLDER

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

logger = logging.getLogger(__name__)

UID_TAG = "sdml.uid"
PARENT_UID_TAG = "sdml.parent_uid"
_PARENT_TAG = "mlflow.parentRunId"

_ENVIRONMENT = {
    # Our sender asks again by itself; MLflow's own 7 retries of 120 s would hold it for minutes.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    # A finished run is announced on stdout, which belongs to the caller's output.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Nothing but the tracking server may be called.
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
# Else MLflow's pages show the tools for language models.
_KIND = {"mlflow.experimentKind": "custom_model_development"}
_NOISY = ("mlflow.store.db.utils", "alembic.runtime.migration", "alembic.runtime.plugins")


class MlflowBackend:
    """Runs on an MLflow server, or in a SQLite file that ``mlflow ui`` opens."""

    def __init__(self, address: Address) -> None:
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import mlflow.exceptions
        except ImportError as error:
            raise MissingExtraError("MLflow tracking", "tracking") from error
        if address.database is not None:
            check_database(address.database)
        self.address = address.public
        self._uri = address.uri
        self._database = address.database
        self._mlflow_error: type[Exception] = mlflow.exceptions.MlflowException
        self._known: MlflowClient | None = None
        self._connecting = threading.Lock()

    def injected_run(self) -> str | None:
        """``MLFLOW_RUN_ID``, as set by a pipeline that made the run itself."""
        return os.environ.get("MLFLOW_RUN_ID") or None

    def open_run(self, start: Start) -> str | Failure:
        """Create the run, its experiment and its place under a parent; or find it again."""
        result: list[str] = []
        failure = self.attempt(lambda: result.append(self._open(start)))
        return failure or result[0]

    def find_runs(self, experiment: str, tags: Mapping[str, str]) -> list[FoundRun] | Failure:
        """Look runs up; an experiment that is not there has none."""
        result: list[FoundRun] = []
        failure = self.attempt(lambda: result.extend(self._find(experiment, tags)))
        return failure or result

    def send(self, run_id: str, event: Event) -> Failure | None:
        """Store one event."""
        return self.attempt(lambda: send_event(self.client(), run_id, event))

    def attempt(self, work: Callable[[], None]) -> Failure | None:
        """Do it quietly; what it raises is told apart and returned."""
        try:
            with _quiet():
                work()
        except TrackingError as error:
            return Failure(reason=str(error), lasting=True, cause=error)
        except Exception as error:
            # Whatever it is, it must not reach a training loop.
            return failure_of(error)
        return None

    def client(self) -> MlflowClient:
        """The client of this address, made when it is first needed."""
        with self._connecting:
            if self._known is None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    from mlflow import MlflowClient

                    with _locked(self._database):
                        # On a new SQLite file this makes the tables.
                        self._known = MlflowClient(tracking_uri=self._uri)
            return self._known

    def _open(self, start: Start) -> str:
        client = self.client()
        if start.adopt is not None:
            return self._adopt(client, start.adopt, start)
        parent = self._parent(client, start.parent) if start.parent else None
        if parent is not None:
            # Shown nested only inside the parent's own experiment.
            experiment = parent.info.experiment_id
        else:
            experiment = self._experiment(client, start.experiment)
        tags = {**start.tags, UID_TAG: start.uid}
        if parent is not None:
            tags[_PARENT_TAG] = _root(parent)
        elif start.parent is not None:
            tags[PARENT_UID_TAG] = start.parent.removeprefix(PLACEHOLDER)
        found = list(_search(client, experiment, {UID_TAG: start.uid}))
        if found:
            run_id = found[0].info.run_id
        else:
            run_id = client.create_run(
                experiment, start_time=start.time, tags=tags, run_name=start.name
            ).info.run_id
        # Both sides create first and look second, so at least one of them sees the other.
        if PARENT_UID_TAG in tags:
            for late in _search(client, experiment, {UID_TAG: tags[PARENT_UID_TAG]}):
                client.set_tag(run_id, _PARENT_TAG, _root(late))
        for orphan in _search(client, experiment, {PARENT_UID_TAG: start.uid}):
            client.set_tag(orphan.info.run_id, _PARENT_TAG, tags.get(_PARENT_TAG, run_id))
        return str(run_id)

    def _find(self, name: str, tags: Mapping[str, str]) -> Iterator[FoundRun]:
        client = self.client()
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            return
        for run in _search(client, experiment.experiment_id, tags):
            yield FoundRun(
                id=str(run.info.run_id),
                name=str(run.info.run_name),
                tags=dict(run.data.tags),
                running=run.info.status == "RUNNING",
            )

    def _adopt(self, client: MlflowClient, run_id: str, start: Start) -> str:
        if run_id.startswith(PLACEHOLDER):
            experiment = self._experiment(client, start.experiment)
            uid = run_id.removeprefix(PLACEHOLDER)
            found = list(_search(client, experiment, {UID_TAG: uid}))
            if not found:
                # An ordinary outage to the caller: asked again until it is over.
                raise ConnectionError(f"the run {run_id} has not reached the server yet")
            run = found[0]
        else:
            role = "the run to continue (an injected one is named by MLFLOW_RUN_ID)"
            run = self._existing(client, run_id, role)
        run_id = str(run.info.run_id)
        client.update_run(run_id, status="RUNNING")
        log_pairs(client, run_id, tags=start.tags)
        return run_id

    def _parent(self, client: MlflowClient, parent: str) -> MlflowRun | None:
        """The parent, or ``None`` when it has only a placeholder so far."""
        if parent.startswith(PLACEHOLDER):
            return None
        return self._existing(client, parent, "the parent")

    def _existing(self, client: MlflowClient, run_id: str, role: str) -> MlflowRun:
        try:
            run = client.get_run(run_id)
        except self._mlflow_error as error:
            code = getattr(error, "error_code", None)
            if code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise TrackingError(
                    f"{role} must name a run that exists, got {run_id!r}: "
                    "look its id up on this server"
                ) from error
            raise
        if run.info.lifecycle_stage == "deleted":
            raise TrackingError(
                f"{role} must name a run that exists, got the deleted run {run_id!r}: "
                f"run: mlflow runs restore --run-id {run_id}"
            )
        return run

    def _experiment(self, client: MlflowClient, name: str) -> str:
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            place = self._database and (self._database.parent / "mlartifacts").as_uri()
            try:
                return str(
                    client.create_experiment(name, artifact_location=place or None, tags=_KIND)
                )
            except self._mlflow_error as error:
                if getattr(error, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
                    raise
                # Another process was faster.
                experiment = client.get_experiment_by_name(name)
                if experiment is None:
                    raise
        if experiment.lifecycle_stage == "deleted":
            number = experiment.experiment_id
            raise TrackingError(
                f"the experiment {name!r} must not be deleted, number {number} is: restore it "
                f"with: MLFLOW_TRACKING_URI={self.address} mlflow experiments restore "
                f"--experiment-id {number}"
            )
        return str(experiment.experiment_id)


def _root(run: MlflowRun) -> str:
    """The run that children of ``run`` belong to: runs are two levels deep at most."""
    return str(run.data.tags.get(_PARENT_TAG) or run.info.run_id)


def child_runs(client: MlflowClient, run: MlflowRun) -> Iterator[MlflowRun]:
    """The runs that stand under a run, oldest first."""
    return _search(client, run.info.experiment_id, {_PARENT_TAG: run.info.run_id})


def _search(client: MlflowClient, experiment: str, tags: Mapping[str, str]) -> Iterator[MlflowRun]:
    """The runs with all these tags, oldest first."""
    wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    token = None
    while True:
        page = client.search_runs(
            [experiment], wanted, order_by=["attributes.start_time"], page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


class _Silence(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.CRITICAL


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what MLflow and alembic log about tables and locks: failures are answered.

    A filter of one's own, not a level: two threads in here must not restore each other's.
    """
    silence = _Silence()
    for name in _NOISY:
        logging.getLogger(name).addFilter(silence)
    try:
        yield
    finally:
        for name in _NOISY:
            logging.getLogger(name).removeFilter(silence)


@contextlib.contextmanager
def _locked(database: Path | None) -> Iterator[None]:
    """One process at a time makes the tables of a SQLite file."""
    if database is None:
        yield
        return
    with database.with_name(database.name + ".lock").open("w") as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
