from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipelines.job.cluster import Cluster, connected
from tests.servers.kubernetes import KubernetesServer

AUDIO = {"source": "s3://data/audio.npz"}


@pytest.fixture
def experiment_file(tmp_path: Path) -> Path:
    return write(tmp_path)


def write(folder: Path, **sections: object) -> Path:
    """An experiment file for a cluster; ``sections`` replace or add keys of the file."""
    settings = {
        "collection": "tiny",
        "store": "${SDML_STORE}",
        "tracking": "${MLFLOW_TRACKING_URI}",
        "modalities": {"audio": AUDIO},
        **sections,
    }
    file = folder / "experiment.yaml"
    file.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return file


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    started = KubernetesServer()
    yield started
    started.close()


@pytest.fixture
def kubeconfig(server: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The server's kubeconfig, which KUBECONFIG names."""
    path = server.kubeconfig(tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


@pytest.fixture
def cluster(kubeconfig: Path) -> Iterator[Cluster]:
    with connected(None) as opened:
        yield opened
