from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.submission import Connection, Order
from sdml.experiment import Experiment, read_experiment
from tests.servers.kubeflow import KubeflowServer, kubeflow_server


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here goes through a proxy of the machine's."""
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")


@pytest.fixture
def server() -> Iterator[KubeflowServer]:
    """Kubeflow Pipelines without logins."""
    with kubeflow_server() as started:
        yield started


@pytest.fixture
def connection(server: KubeflowServer) -> Connection:
    return Connection(server.host, pause=0.01)


@pytest.fixture(scope="session")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Of image and text; no source is ever read."""
    return written(tmp_path_factory.mktemp("experiment"))


@pytest.fixture
def order(experiment: Experiment) -> Order:
    return Order(pipeline="train", experiment=experiment)


def written(folder: Path, **training: Any) -> Experiment:
    from tests.pipelines.world import write_experiment

    return read_experiment(write_experiment(folder / "world", training={"epochs": 2, **training}))
