"""Submits a pipeline run to a Kubeflow Pipelines server."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import kfp
import kfp_server_api
import urllib3

from pipelines.compilation import compile_pipeline
from sdml.errors import SDMLError, UserError
from sdml.experiment import Experiment

_HEALTH = "/apis/v2beta1/healthz"
_ANSWER_SECONDS = 5.0


class SubmissionError(SDMLError):
    """The Kubeflow Pipelines server could not be reached, or refused."""


def submit(
    name: str, experiment: Experiment, *, modalities: Sequence[str] | None, host: str
) -> str:
    """Start a run on the server; returns the run's id.

    Raises:
        ExperimentError: the file has no such modality, or too few.
        UserError: ``host`` is not a web address.
        SubmissionError: no answer from the server, or a refusal.
    """
    with tempfile.TemporaryDirectory(prefix="sdml-submit-") as folder:
        package = Path(folder) / f"{name}.yaml"
        compile_pipeline(name, experiment, modalities=modalities, output=package)
        _check_server(host)
        try:
            # The client prints links; standard output is for the run's id alone.
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                run = kfp.Client(host=host).create_run_from_pipeline_package(
                    str(package),
                    run_name=f"{experiment.collection} {name}",
                    experiment_name=experiment.collection,
                )
        except kfp_server_api.ApiException as error:
            raise _refusal(host, int(error.status or 0), str(error.reason)) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _silence(host) from error
    return str(run.run_id)


def _check_server(host: str) -> None:
    """Ask once and briefly: kfp's own client would try for half a minute."""
    if not host.startswith(("http://", "https://")):
        raise UserError(f"--host must be a web address, http://… or https://…, got {host!r}")
    try:
        answer = urllib3.request(
            "GET", host.rstrip("/") + _HEALTH, timeout=_ANSWER_SECONDS, retries=False
        )
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise _silence(host) from error
    if answer.status in (301, 302, 303, 307, 308) or answer.status >= 400:
        raise _refusal(host, answer.status, answer.reason or "")
    try:
        json.loads(answer.data)
    except ValueError as error:
        raise SubmissionError(
            f"{host}: something answers there, but not a Kubeflow Pipelines server: check --host"
        ) from error


def _silence(host: str) -> SubmissionError:
    return SubmissionError(
        f"{host}: no Kubeflow Pipelines server answers there: check --host and that it is running"
    )


def _refusal(host: str, status: int, reason: str) -> SubmissionError:
    advice = {
        401: "it does not know you: log in to it",
        403: "you may not start runs there: ask for access",
        404: "it has no such API: check --host",
    }.get(status, "it wants a login first" if 300 <= status < 400 else "look at the server's log")
    return SubmissionError(
        f"{host}: the Kubeflow Pipelines server refused with {status} {reason}: {advice}"
    )
