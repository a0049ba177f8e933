"""Submits a pipeline: a run now, or a recurring run, of the version that its code gives."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kfp_server_api as api

from pipelines.compilation import compile_pipeline
from pipelines.submission import catalogue
from pipelines.submission.address import recurring_page, run_page
from pipelines.submission.connection import Connection
from pipelines.submission.package import Package, package_of
from pipelines.submission.schedule import six_fields
from sdml.errors import UserError
from sdml.experiment import Experiment

_MOST_CONCURRENT = 10  # the back end refuses more


@dataclass(frozen=True, kw_only=True)
class Order:
    """What shall run. Names left out are the collection's and the pipeline's."""

    pipeline: str
    experiment: Experiment
    modalities: Sequence[str] | None = None
    cache: bool = True
    namespace: str | None = None
    kfp_experiment: str | None = None
    run_name: str | None = None
    pipeline_name: str | None = None
    service_account: str | None = None

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run_name or f"{self.experiment.collection} {self.pipeline}"


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """What the server made of an order; ``id`` is a run's or a recurring run's."""

    id: str
    url: str
    name: str
    experiment: str
    experiment_id: str
    pipeline: str
    pipeline_id: str
    version: str
    version_id: str
    uploaded: bool


def submit(connection: Connection, order: Order) -> Submitted:
    """Start a run.

    Raises:
        ExperimentError: the file has no such modality, or too few.
        RefusedError: the server wants another address, other credentials or another order.
        SubmissionError: no answer, or a failure of the server.
    """
    common, made = _prepare(connection, order)
    run = api.RunServiceApi(connection).run_service_create_run(api.V2beta1Run(**common))
    identity = str(run.run_id)
    return Submitted(id=identity, url=run_page(connection.host, identity), **made)


def schedule(
    connection: Connection, order: Order, *, cron: str, max_concurrency: int = 1
) -> Submitted:
    """Start runs by the clock of the server, without catching up on missed ones.

    Raises:
        UserError: the cron expression or the number is not allowed, or there already is a
            recurring run of that name in the experiment.
        ExperimentError, RefusedError, SubmissionError: as for :func:`submit`.
    """
    cron = six_fields(cron)
    if not 1 <= max_concurrency <= _MOST_CONCURRENT:
        raise UserError(
            f"--max-concurrency must lie in 1-{_MOST_CONCURRENT}, got {max_concurrency}"
        )
    common, made = _prepare(connection, order)
    other = catalogue.recurring_run_id(connection, order.name, experiment=made["experiment_id"])
    if other is not None:
        raise UserError(
            f"there already is a recurring run {order.name!r}: delete it at "
            f"{recurring_page(connection.host, other)}, or give another --run-name"
        )
    recurring = api.RecurringRunServiceApi(connection).recurring_run_service_create_recurring_run(
        api.V2beta1RecurringRun(
            **common,
            trigger=api.V2beta1Trigger(cron_schedule=api.V2beta1CronSchedule(cron=cron)),
            mode=api.RecurringRunMode.ENABLE,
            max_concurrency=str(max_concurrency),
            no_catchup=True,
        )
    )
    identity = str(recurring.recurring_run_id)
    return Submitted(id=identity, url=recurring_page(connection.host, identity), **made)


def _prepare(connection: Connection, order: Order) -> tuple[dict[str, Any], dict[str, Any]]:
    """(fields of the run, fields of the result): all that must be there before a run."""
    package = _package(order)
    namespace = _namespace(connection, order)
    experiment = order.kfp_experiment or order.experiment.collection
    experiment_id = catalogue.experiment_id(connection, experiment, namespace=namespace)
    pipeline = order.pipeline_name or f"sdml-{order.pipeline}"
    pipeline_id = catalogue.pipeline_id(connection, pipeline, namespace=namespace)
    # With pipelines kept as Kubernetes objects a version's name must be unique in the namespace.
    version = f"{pipeline}-{package.digest}"
    version_id, uploaded = catalogue.version_id(connection, pipeline_id, version, package)
    common = {
        "display_name": order.name,
        "experiment_id": experiment_id,
        "pipeline_version_reference": api.V2beta1PipelineVersionReference(
            pipeline_id=pipeline_id, pipeline_version_id=version_id
        ),
        "runtime_config": api.V2beta1RuntimeConfig(parameters=package.parameters),
        "service_account": order.service_account,
    }
    made = {
        "name": order.name,
        "experiment": experiment,
        "experiment_id": experiment_id,
        "pipeline": pipeline,
        "pipeline_id": pipeline_id,
        "version": version,
        "version_id": version_id,
        "uploaded": uploaded,
    }
    return common, made


def _package(order: Order) -> Package:
    with tempfile.TemporaryDirectory(prefix="sdml-submit-") as folder:
        compiled = Path(folder) / "pipeline.yaml"
        compile_pipeline(
            order.pipeline,
            order.experiment,
            modalities=order.modalities,
            output=compiled,
            cache=order.cache,
        )
        return package_of(compiled.read_text(encoding="utf-8"))


def _namespace(connection: Connection, order: Order) -> str | None:
    """The user's namespace, where the server has such: by default that of the file's pods."""
    if connection.multi_user():
        return order.namespace or order.experiment.cluster.namespace
    if order.namespace:
        raise UserError(
            f"--namespace is for servers with a namespace for each user, which {connection.host} "
            "is not: leave it out"
        )
    return None
