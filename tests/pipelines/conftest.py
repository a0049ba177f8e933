from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipelines.world import FinishedRun, write_experiment


@pytest.fixture
def experiment_file(tmp_path: Path) -> Path:
    """An experiment of image and text that nothing has been run with."""
    return write_experiment(tmp_path / "world")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """The train pipeline, run once, with tracking. Copy what you want to change."""
    folder = tmp_path_factory.mktemp("train") / "world"
    tracking = f"sqlite:///{folder / 'mlflow.db'}"
    subspace = {"dimension": 16, "seed": 3}
    return FinishedRun("train", write_experiment(folder, subspace=subspace, tracking=tracking))
