"""A tiny collection to run pipelines on, and a way to read back what a run has left."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from pipelines.local_run import run_locally
from sdml.experiment import read_experiment
from sdml.steps.context import Context

if TYPE_CHECKING:
    from mlflow.entities import Run

BOTH = {"image": 1, "text": 2}


def write_source(path: Path, seed: int) -> None:
    """60 samples of 3 classes, 8 features, as an .npz file; 40, 10 and 10 in the splits."""
    rng = np.random.default_rng(seed)
    labels = np.arange(60) % 3
    features = (rng.normal(size=(60, 8)) + labels[:, None]).astype(np.float32)
    np.savez(path, X=features, y=labels, split=np.repeat([0, 1, 2], [40, 10, 10]))


def write_experiment(
    folder: Path, name: str = "experiment", seeds: Mapping[str, int] = BOTH, **sections: Any
) -> Path:
    """An experiment file and its sources; ``seeds`` has a training seed for each modality.

    The store is ``folder/store``. ``sections`` replace or add keys of the file.
    """
    folder.mkdir(exist_ok=True)
    for modality, seed in seeds.items():
        write_source(folder / f"{modality}.npz", seed)
    settings = {
        "collection": "tiny",
        "store": "store",
        "tracking": None,
        "training": {"hidden": [16], "epochs": 2, "batch_size": 10, "lambda": 0.25},
        "modalities": {m: {"source": f"{m}.npz", "seed": seed} for m, seed in seeds.items()},
        **sections,
    }
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(settings))
    return file


def checksums(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


class FinishedRun:
    """Runs a pipeline to its end; then what it said, and what it left."""

    def __init__(self, name: str, file: Path) -> None:
        self.folder = file.parent
        self.experiment = read_experiment(file)
        self.lines: list[str] = []
        run_locally(name, self.experiment, say=self.lines.append)
        self.context = Context.open(self.experiment, track=False)

    def weights(self, uri: str) -> str:
        """sha256 of an encoder's weights, read from the store."""
        catalog = self.context.catalog
        return hashlib.sha256(catalog.read(catalog.get(uri), "encoder.safetensors")).hexdigest()

    def reports(self) -> list[tuple[dict[str, str], dict[str, float]]]:
        """Of each report, oldest first: the encoders it was made from, and mAP by pair."""
        catalog = self.context.catalog
        found = []
        for version in catalog.versions("report"):
            document = json.loads(catalog.read(version, "report.json"))
            encoders = {
                role.removeprefix("encoder-"): catalog.get(path).uri
                for role, path in version.manifest.made_from.items()
                if role.startswith("encoder-")
            }
            figures = {
                f"map/{pair['query']}_to_{pair['gallery']}": pair["map"]
                for pair in document["pairs"]
                if pair["similarity"] == "posterior"
            }
            found.append((encoders, figures))
        return found

    def runs(self) -> tuple[Run, list[Run]]:
        """The one tracking parent, and its children in the order in which they were started."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mlflow import MlflowClient

            client = MlflowClient(self.experiment.tracking)
            experiment = client.get_experiment_by_name(self.experiment.collection)
            assert experiment is not None
            found = client.search_runs([experiment.experiment_id])
        [parent] = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
        children = [run for run in found if run is not parent]
        for run in children:
            assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        return parent, sorted(children, key=lambda run: run.info.start_time)
