"""How one event becomes calls of MLflow: batches within its limits, params that never change."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sdml.tracking.events import (
    Artifact,
    Dataset,
    Event,
    Finish,
    Metrics,
    Model,
    Params,
    Tags,
)
from sdml.tracking.mlflow_models import register

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

logger = logging.getLogger(__name__)

_METRICS_PER_CALL = 1000
_PAIRS_PER_CALL = 100
# The server refuses a call of more than 1 MB; one character may take 6 bytes of it.
_CHARACTERS_PER_CALL = 120_000
_SOURCE_TYPES = {"": "local", "file": "local", "s3": "s3", "http": "http", "https": "http"}


def send_event(client: MlflowClient, run_id: str, event: Event) -> None:
    """Store one event; the same again changes nothing. Raises what MLflow raises."""
    from mlflow.entities import Metric

    match event:
        case Metrics():
            values = [Metric(m.name, m.value, m.time, m.step) for m in event.values]
            for part in _parts(values, _METRICS_PER_CALL):
                client.log_batch(run_id, metrics=part)
        case Params():
            _log_params(client, run_id, event.values)
        case Tags():
            log_pairs(client, run_id, tags=event.values)
        case Model():  # before Artifact, of which it is one
            register(client, run_id, event)
        case Artifact():
            path = PurePosixPath(event.name)
            folder = None if path.parent == PurePosixPath() else str(path.parent)
            with tempfile.TemporaryDirectory() as scratch:
                file = Path(scratch) / path.name
                file.write_bytes(event.data)
                client.log_artifact(run_id, str(file), folder)
        case Dataset():
            client.log_inputs(run_id, [_dataset_input(event)])
        case Finish():
            client.set_terminated(run_id, event.status.upper(), event.time)


def log_pairs(
    client: MlflowClient,
    run_id: str,
    *,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Log params and tags, in as many calls as they need."""
    from mlflow.entities import Param, RunTag

    for part in _small_parts(params or {}):
        client.log_batch(run_id, params=[Param(name, value) for name, value in part])
    for part in _small_parts(tags or {}):
        client.log_batch(run_id, tags=[RunTag(name, value) for name, value in part])


def _dataset_input(event: Dataset) -> DatasetInput:
    """With a source that ``mlflow.data.get_source`` can open, where there is such a kind."""
    from mlflow.entities import Dataset as MlflowDataset
    from mlflow.entities import DatasetInput, InputTag

    kind = _SOURCE_TYPES.get(urlsplit(event.source).scheme, "uri")
    key = "url" if kind == "http" else "uri"
    source = json.dumps({key: event.source})
    data = MlflowDataset(event.name, event.digest, kind, source)
    return DatasetInput(data, [InputTag("mlflow.data.context", event.context)])


def _log_params(client: MlflowClient, run_id: str, values: dict[str, str]) -> None:
    from mlflow.exceptions import MlflowException

    try:
        log_pairs(client, run_id, params=values)
    except MlflowException as error:
        if error.error_code != "INVALID_PARAMETER_VALUE":
            raise
        known = client.get_run(run_id).data.params
        changed = sorted(name for name in values if known.get(name, values[name]) != values[name])
        if not changed:
            raise
        for name in changed:
            logger.warning(
                "param %r of run %s stays %.60r: a param cannot change to %.60r",
                name,
                run_id,
                known[name],
                values[name],
            )
        rest = {name: value for name, value in values.items() if name not in changed}
        log_pairs(client, run_id, params=rest)


def _parts(values: list[Any], size: int) -> Iterator[list[Any]]:
    for begin in range(0, len(values), size):
        yield values[begin : begin + size]


def _small_parts(pairs: Mapping[str, str]) -> Iterator[list[tuple[str, str]]]:
    part: list[tuple[str, str]] = []
    characters = 0
    for name, value in pairs.items():
        characters += len(name) + len(value)
        if part and (len(part) == _PAIRS_PER_CALL or characters > _CHARACTERS_PER_CALL):
            yield part
            part, characters = [], len(name) + len(value)
        part.append((name, value))
    if part:
        yield part
