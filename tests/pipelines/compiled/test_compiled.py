"""The kept files are those that the source makes, and run as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import components as loader

from pipelines import NAMES
from pipelines.compiled import FILES
from pipelines.compiled.__main__ import main
from sdml.experiment import parse_experiment

FOLDER = Path(__file__).parents[3] / "pipelines" / "compiled"


def test_compiling_again_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDML_STORE", "s3://somewhere/else")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    main(tmp_path)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), "run: make compile"
    assert {path.name for path in FOLDER.glob("*.pipeline.yaml")} == set(FILES)


def test_every_pipeline_is_kept() -> None:
    assert {name for name, _ in FILES.values()} == set(NAMES)


@pytest.mark.parametrize("file", FILES)
def test_kubeflow_loads_it_and_its_experiment_is_sound(file: str) -> None:
    spec: Any = loader.load_component_from_file(str(FOLDER / file)).pipeline_spec
    parameters = spec.root.input_definitions.parameters
    environment = {"SDML_STORE": "s3://b", "MLFLOW_TRACKING_URI": "http://mlflow:5000"}
    text = parameters["experiment"].default_value.string_value
    experiment = parse_experiment(text, environment=environment)
    assert experiment.store == "s3://b"
    modalities = [v.string_value for v in parameters["modalities"].default_value.list_value.values]
    assert modalities == list(experiment.modalities)


def test_two_kinds_of_gpu_and_none_in_one_run() -> None:
    documents = list(yaml.safe_load_all((FOLDER / "gpu-classes.pipeline.yaml").read_text()))
    executors = documents[0]["deploymentSpec"]["executors"]
    resources = [executors[f"exec-train{n}"]["container"]["resources"] for n in ("", "-2", "-3")]
    assert ["accelerator" in one for one in resources] == [True, True, False]
    places = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    selectors = [places[f"exec-train{n}"].get("nodeSelector") for n in ("", "-2", "-3")]
    assert selectors[0] != selectors[1]
    assert selectors[2] is None
