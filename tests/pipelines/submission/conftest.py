from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.compilation import compile_pipeline
from pipelines.submission import Connection, Order
from sdml.experiment import Experiment, dump_experiment, read_experiment
from tests.servers.kubeflow import KubeflowServer, kubeflow_server


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here goes through a proxy of the machine's."""
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    """What was compiled from the same input before is not compiled again: that takes seconds."""
    made: dict[str, bytes] = {}

    def compiled(name: str, experiment: Experiment, *, output: Path, **more: Any) -> None:
        key = f"{name} {more} {dump_experiment(experiment)}"
        if key not in made:
            compile_pipeline(name, experiment, output=output, **more)
            made[key] = output.read_bytes()
        output.write_bytes(made[key])

    with pytest.MonkeyPatch.context() as patch:
        # the package has a function of that name
        patch.setattr(sys.modules["pipelines.submission.submit"], "compile_pipeline", compiled)
        yield


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
