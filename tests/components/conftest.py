from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.begin.component import begin
from components.prepare.component import prepare
from sdml.experiment import parse_experiment
from sdml.steps.context import Context
from tests.pipelines.world import write_source

Make = Callable[..., Any]


@pytest.fixture
def experiment(tmp_path: Path) -> str:
    """An experiment as the components get it: one line of JSON."""
    for seed, name in enumerate(("image", "text")):
        write_source(tmp_path / f"{name}.npz", seed)
    return json.dumps(
        {
            "collection": "tiny",
            "store": str(tmp_path / "store"),
            "tracking": None,
            "subspace": {"dimension": 16},
            "training": {"hidden": [16], "epochs": 2, "batch_size": 10, "lambda": 0.25},
            "modalities": {
                "image": {"source": str(tmp_path / "image.npz")},
                "text": {"source": str(tmp_path / "text.npz")},
            },
        }
    )


@pytest.fixture
def context(experiment: str) -> Context:
    """The store that the components write to."""
    return Context.open(parse_experiment(experiment))


@pytest.fixture
def artifact(tmp_path: Path) -> Make:
    """Makes an output artifact of a type, with a file name of its own."""
    folder = tmp_path / "artifacts"
    folder.mkdir()

    def make(kind: type[dsl.Artifact] = dsl.Artifact) -> Any:
        path = folder / str(len(list(folder.iterdir())))
        path.touch()
        return kind(uri=str(path), metadata={})

    return make


@pytest.fixture(autouse=True)
def pipeline_run(monkeypatch: pytest.MonkeyPatch) -> str:
    """Id of the pipeline run, as the pod's label says it on a cluster."""
    monkeypatch.setenv("SDML_PIPELINE_RUN", "run-1")
    return "run-1"


@pytest.fixture
def prepared(experiment: str, artifact: Make) -> Any:
    """What the first two tasks hand on for both modalities."""
    made = artifact(dsl.Dataset)
    names = ["image", "text"]
    inputs, _ = begin.python_func(experiment, names, False, "train")
    prepare.python_func(experiment, names, False, inputs, made)
    return made


@pytest.fixture(autouse=True)
def logger_as_before() -> Iterator[None]:
    """A task sets up logging for its whole process."""
    logger = logging.getLogger("sdml")
    before = (logger.handlers, logger.level, logger.propagate)
    yield
    logger.handlers, logger.level, logger.propagate = before
