"""Submits a pipeline run to a Kubeflow Pipelines server."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipelines.compilation import compile_pipeline
from sdml.errors import SDMLError
from sdml.experiment import Experiment


class SubmissionError(SDMLError):
    """The Kubeflow Pipelines server could not be reached, or refused."""


def submit(
    name: str, experiment: Experiment, *, modalities: Sequence[str] | None, host: str
) -> str:
    """Start a run on the server; returns the run's id.

    Raises:
        SubmissionError: no answer from the server, or a refusal.
    """
    import kfp
    import kfp_server_api
    import urllib3

    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / f"{name}.yaml"
        compile_pipeline(name, experiment, modalities=modalities, output=package)
        try:
            client = kfp.Client(host=host)
            run = client.create_run_from_pipeline_package(
                str(package),
                run_name=f"{experiment.collection} {name}",
                experiment_name=experiment.collection,
            )
        except kfp_server_api.ApiException as error:
            raise SubmissionError(
                f"{host}: the Kubeflow Pipelines server refused: {error.status} {error.reason}: "
                "check the address and your access"
            ) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise SubmissionError(
                f"{host}: no Kubeflow Pipelines server answers there: check --host"
            ) from error
    return str(run.run_id)
