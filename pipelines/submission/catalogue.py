"""Finds on the server, or puts there: the experiment, the pipeline, and the version of it.

Whatever exists is used again. Somebody else may create the same thing at the same moment: the
server then refuses with 409 and the thing is looked up once more.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import kfp_server_api as api

from pipelines.submission.connection import Connection
from pipelines.submission.errors import RefusedError
from pipelines.submission.package import Package


def experiment_id(connection: Connection, name: str, *, namespace: str | None) -> str:
    """The id of the KFP experiment of that name."""
    service = api.ExperimentServiceApi(connection)
    found, _ = _find_or_create(
        lambda: _named(
            service.experiment_service_list_experiments, "experiments", name, **_in(namespace)
        ),
        lambda: service.experiment_service_create_experiment(
            api.V2beta1Experiment(display_name=name, namespace=namespace)
        ),
    )
    return str(found.experiment_id)


def pipeline_id(connection: Connection, name: str, *, namespace: str | None) -> str:
    """The id of the pipeline of that name; a new one is empty."""
    service = api.PipelineServiceApi(connection)
    found, _ = _find_or_create(
        lambda: _named(
            service.pipeline_service_list_pipelines, "pipelines", name, **_in(namespace)
        ),
        lambda: service.pipeline_service_create_pipeline(
            api.V2beta1Pipeline(display_name=name, namespace=namespace)
        ),
    )
    return str(found.pipeline_id)


def version_id(
    connection: Connection, pipeline: str, name: str, package: Package
) -> tuple[str, bool]:
    """(id, uploaded now) of the pipeline's version with that name."""
    service = api.PipelineServiceApi(connection)
    version, created = _find_or_create(
        lambda: _named(
            service.pipeline_service_list_pipeline_versions,
            "pipeline_versions",
            name,
            pipeline_id=pipeline,
        ),
        lambda: _upload(connection, pipeline, name, package),
    )
    return str(version.pipeline_version_id), created


def recurring_run_id(connection: Connection, name: str, *, experiment: str) -> str | None:
    """The id of the experiment's recurring run of that name, if there is one."""
    found = _named(
        api.RecurringRunServiceApi(connection).recurring_run_service_list_recurring_runs,
        "recurring_runs",
        name,
        experiment_id=experiment,
    )
    return str(found.recurring_run_id) if found else None


def _upload(connection: Connection, pipeline: str, name: str, package: Package) -> Any:
    with tempfile.TemporaryDirectory(prefix="sdml-submit-") as folder:
        file = Path(folder) / "pipeline.yaml"
        file.write_bytes(package.content)
        return api.PipelineUploadServiceApi(connection).upload_pipeline_version(
            str(file), name=name, pipelineid=pipeline
        )


def _in(namespace: str | None) -> dict[str, str]:
    return {"namespace": namespace} if namespace else {}


def _find_or_create(find: Callable[[], Any], create: Callable[[], Any]) -> tuple[Any, bool]:
    found = find()
    if found is not None:
        return found, False
    try:
        return create(), True
    except RefusedError as error:
        found = find() if error.status == 409 else None
        if found is None:
            raise
        return found, False


def _named(listed: Callable[..., Any], items: str, name: str, **where: str) -> Any:
    """The first thing with that display name, over all pages; None if there is none."""
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    # The server decodes the filter once more than the rest of the query.
    wanted = quote(json.dumps({"predicates": [predicate]}))
    token = ""
    while True:
        page = listed(filter=wanted, page_token=token, **where)
        for item in getattr(page, items) or []:
            if item.display_name == name:
                return item
        token = page.next_page_token or ""
        if not token:
            return None
