"""Fixtures: a real MLflow server for the session, a clean environment, a client to read with."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.servers.mlflow import MlflowServer
from tests.servers.mlflow import mlflow_server as running_server

if TYPE_CHECKING:
    from mlflow import MlflowClient


@pytest.fixture(autouse=True)
def _no_mlflow_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """One server for the session; a test that kills it must start it again."""
    with running_server(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture(scope="session")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One SQLite file for the tests that need no new one: making its tables takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/mlflow.db"


@pytest.fixture
def reader() -> Callable[[str], MlflowClient]:
    """A client of its own for an address, to read back what was logged."""

    def make(uri: str) -> MlflowClient:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mlflow import MlflowClient

            return MlflowClient(tracking_uri=uri)

    return make
