"""The prior pipeline: compiled for a cluster, and run for real before the train pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipelines.__main__ import main
from pipelines.catalogue import arguments_for, plan_for
from pipelines.compilation import compile_pipeline
from sdml.errors import ExperimentError
from sdml.experiment import Experiment, parse_experiment
from sdml.steps.contract import stored_settings
from sdml.steps.identity import score_of
from tests.pipelines.world import FinishedRun, write_experiment

FILE = """
collection: zoo
store: s3://bucket/zoo
tracking: http://mlflow:5000
subspace: {kind: prior}
training: {method: drcl}
cluster: {resources: {memory: 6Gi, retries: 3}}
modalities:
  video:
    source: s3://bucket/v.npz
    resources: {accelerator: nvidia.com/gpu, count: 1, memory: 64Gi}
  text: {source: s3://bucket/t.npz}
  notes: {source: s3://bucket/n.npz, method: classifier}
"""


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return parse_experiment(FILE, environment={})


def test_each_modality_has_a_pod_of_its_kind(experiment: Experiment, tmp_path: Path) -> None:
    output = tmp_path / "prior.yaml"
    compile_pipeline("prior", experiment, modalities=None, output=output)
    pipeline, platform = yaml.safe_load_all(output.read_text())
    executors = pipeline["deploymentSpec"]["executors"]
    places = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    video, text = (executors[f"exec-fit-prior{n}"]["container"] for n in ("", "-2"))
    assert video["resources"]["accelerator"]["resourceCount"] == "1"
    assert "accelerator" not in text["resources"]
    assert text["resources"]["resourceMemoryRequest"] == "6Gi"
    for name, step in {"fit-prior": "fitprior", "select-prior": "selectprior"}.items():
        labels = places[f"exec-{name}"]["podMetadata"]["labels"]
        assert labels["app.kubernetes.io/component"] == step
    parameters = pipeline["root"]["inputDefinitions"]["parameters"]
    assert parameters["modalities"]["defaultValue"] == ["video", "text"]
    loops = {name: parameters[name]["defaultValue"] for name in ("trainings", "trainings_2")}
    assert loops == {"trainings": [{"modality": "video"}], "trainings_2": [{"modality": "text"}]}


def test_the_preparation_is_for_priors_and_the_selection_takes_what_was_gathered(
    experiment: Experiment, tmp_path: Path
) -> None:
    output = tmp_path / "prior.yaml"
    compile_pipeline("prior", experiment, modalities=["text"], output=output)
    pipeline = next(yaml.safe_load_all(output.read_text()))
    tasks = pipeline["components"]["comp-exit-handler-1"]["dag"]["tasks"]
    inputs = tasks["prepare"]["inputs"]["parameters"]
    assert inputs["for_prior"] == {"runtimeValue": {"constant": True}}
    select = tasks["select-prior"]
    assert select["dependentTasks"] == ["gather"]
    assert select["cachingOptions"] == {}
    assert select["retryPolicy"]["maxRetryCount"] > 0


def test_by_default_the_modalities_of_the_method(experiment: Experiment) -> None:
    assert arguments_for("prior", experiment, modalities=None)["modalities"] == ["video", "text"]
    named = arguments_for("prior", experiment, modalities=["notes"])
    assert named["modalities"] == ["notes"]  # for begin to refuse
    sdml = parse_experiment(FILE.replace("method: drcl", "method: sdml"), environment={})
    assert len(arguments_for("prior", sdml, modalities=None)["modalities"]) == 3


def test_a_prior_is_learned_in_one_process() -> None:
    experiment = parse_experiment(FILE.replace("count: 1", "count: 2"), environment={})
    with pytest.raises(ExperimentError, match=r"video\.resources\.count .* prior pipeline.* is 2"):
        plan_for("prior", experiment, modalities=None, cache=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """A prior selected by the pipeline, with tracking."""
    folder = tmp_path_factory.mktemp("prior") / "world"
    file = write_experiment(
        folder,
        subspace={"kind": "prior", "dimension": 16},
        training={"method": "drcl", "hidden": [16], "epochs": 4, "batch_size": 10},
        tracking=f"sqlite:///{folder / 'mlflow.db'}",
    )
    return FinishedRun("prior", file)


@pytest.mark.slow
def test_selects_the_best_of_what_it_has_learned(run: FinishedRun) -> None:
    tasks = [line for line in run.lines if line.startswith("task ")]
    order = ("begin", "prepare", "fit-prior", "fit-prior", "gather", "select-prior", "finish")
    assert tasks == [f"task {task}" for task in order]
    catalog = run.context.catalog
    candidates = {m: catalog.latest("prior", m) for m in ("image", "text")}
    scores = {m: score_of(version) for m, version in candidates.items()}
    _, selected = catalog.versions("subspace")
    assert stored_settings(selected).kind == "prior"
    assert selected.manifest.settings["scores"] == scores
    parent, children = run.runs()
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["selected"] == max(scores, key=scores.__getitem__)
    assert parent.data.tags["subspace"] == selected.manifest.id
    for name, child in zip(("image", "text"), children, strict=True):
        assert (child.info.run_name, child.info.status) == (f"prior {name}", "FINISHED")
        assert child.data.tags["prior"] == candidates[name].uri
        assert {"loss/train", "score", "best/score"} <= child.data.metrics.keys()
        assert parent.data.metrics[f"score/{name}"] == pytest.approx(scores[name])


@pytest.mark.slow
def test_the_train_pipeline_then_trains_against_it(run: FinishedRun) -> None:
    file = run.folder / "experiment.yaml"
    untracked = run.folder / "untracked.yaml"
    untracked.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "tracking": None}))
    _, selected = run.context.catalog.versions("subspace")
    trained = FinishedRun("train", untracked)
    catalog = trained.context.catalog
    assert [v.path for v in catalog.versions("subspace")][-1] == selected.path
    for modality in ("image", "text"):
        [encoder] = catalog.versions("encoder", modality)
        assert encoder.manifest.made_from["subspace"] == selected.path
        features = catalog.get(encoder.manifest.made_from["features"])
        assert features.manifest.made_from["subspace"] == selected.path
    [(encoders, _)] = trained.reports()
    assert set(encoders) == {"image", "text"}


@pytest.mark.slow
def test_a_file_that_asks_for_no_prior_ends_in_begin_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_experiment(tmp_path / "world")
    assert main(["run", "prior", "--experiment", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    begun, error = err.splitlines()
    assert begun == "task begin"
    assert error.startswith("sdml: error: task begin: a prior is learned and selected for a file")
    assert not (tmp_path / "world" / "store").exists()
