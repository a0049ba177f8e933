"""Encoders in MLflow's model registry: one model for each modality, one version for each encoder.

A version is *models from code*: a script (``mlflow_encoder.py``), the weights as safetensors, and
an ``MLmodel`` file that says so. Nothing is pickled. The folder lies among the artifacts of the run
that trained the encoder; the version points there.
"""

from __future__ import annotations

import io
import logging
import platform
import tempfile
import warnings
import zipfile
from importlib.metadata import version as installed
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sdml.tracking.events import Model

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

logger = logging.getLogger(__name__)

_SCRIPT = "mlflow_encoder.py"
_PACKAGES = ("mlflow", "numpy", "safetensors")
_NO_REGISTRY_CODES = {"FEATURE_DISABLED", "ENDPOINT_NOT_FOUND", "NOT_IMPLEMENTED"}
_NO_REGISTRY_TEXT = "Model registry functionality is unavailable"


def register(client: MlflowClient, run_id: str, event: Model) -> None:
    """Make the model version of an encoder, unless there is one. Raises what MLflow raises.

    A server that has no registry cannot be sent it later either: that is said, and no error.
    """
    from mlflow.exceptions import MlflowException

    try:
        if version_of(client, event.registered, event.tags["encoder"]) is None:
            _register(client, run_id, event)
    except MlflowException as error:
        if not lacks_registry(error):
            raise
        logger.warning(
            "the tracking server keeps no registry of models: the encoder %s is not registered, "
            "and stays in the store",
            event.tags["encoder"],
        )


def lacks_registry(error: BaseException | None) -> bool:
    """Whether a server has said that it keeps none, or is of a time before there was one."""
    return getattr(error, "error_code", None) in _NO_REGISTRY_CODES or _NO_REGISTRY_TEXT in str(
        error
    )


def version_of(client: MlflowClient, name: str, encoder: str) -> ModelVersion | None:
    """The version that was made of the encoder with this URI."""
    return next((found for found in versions(client, name) if _is_of(found, encoder)), None)


def _is_of(version: ModelVersion, encoder: str) -> bool:
    return bool(version.tags.get("encoder") == encoder)


def versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    """All versions of a model, newest first; none if there is no such model."""
    found: list[ModelVersion] = []
    token = None
    while True:
        page = client.search_model_versions(f"name = '{name}'", page_token=token)
        found += page
        token = page.token
        if not token:
            return sorted(found, key=lambda version: -int(version.version))


def _register(client: MlflowClient, run_id: str, event: Model) -> None:
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory() as scratch:
        _write_folder(Path(scratch), event)
        _upload(client, run_id, Path(scratch), event.name)
    try:
        client.create_registered_model(event.registered)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    made = client.create_model_version(
        event.registered,
        f"{client.get_run(run_id).info.artifact_uri}/{event.name}",
        run_id,
        tags=event.tags,
        description=event.description,
        await_creation_for=0,
    )
    # Another process may have been at it: both make theirs first and look second, and one stays.
    twins = [v for v in versions(client, event.registered) if _is_of(v, event.tags["encoder"])]
    if made.version != twins[-1].version:
        client.delete_model_version(event.registered, made.version)


def _upload(client: MlflowClient, run_id: str, folder: Path, name: str) -> None:
    """File by file: MLflow's ``log_artifacts`` fails beside another process that does the same."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        inside = (PurePosixPath(name) / file.relative_to(folder)).parent
        client.log_artifact(run_id, str(file), str(inside))


def _write_folder(folder: Path, event: Model) -> None:
    """The folder that ``mlflow.pyfunc.load_model`` reads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow's own type hints
        from mlflow.models import Model as Description
        from mlflow.pyfunc import add_to_model

    artifacts = folder / "artifacts"
    artifacts.mkdir()
    with zipfile.ZipFile(io.BytesIO(event.data)) as archive:
        names = archive.namelist()
        for name in names:
            (artifacts / name).write_bytes(archive.read(name))
    script = files("sdml.tracking").joinpath(_SCRIPT).read_bytes()
    (folder / _SCRIPT).write_bytes(script)
    needed = "".join(f"{package}=={installed(package)}\n" for package in _PACKAGES)
    (folder / "requirements.txt").write_text(needed)
    (folder / "python_env.yaml").write_text(
        f'python: "{platform.python_version()}"\n'
        "build_dependencies:\n- pip\ndependencies:\n- -r requirements.txt\n"
    )
    description = Description(artifact_path=event.name)
    add_to_model(  # type: ignore[no-untyped-call]
        description,
        loader_module="mlflow.pyfunc.model",
        model_code_path=_SCRIPT,
        python_env="python_env.yaml",
        artifacts={
            name: {"path": f"artifacts/{name}", "uri": f"artifacts/{name}"} for name in names
        },
    )
    description.save(str(folder / "MLmodel"))
