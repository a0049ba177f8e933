from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kfp import components as loader

from pipelines import NAMES
from pipelines.compilation import compile_pipeline
from sdml.errors import ExperimentError, UserError
from sdml.experiment import Experiment, parse_experiment, read_experiment
from tests.pipelines.world import write_experiment

ROOT = Path(__file__).parents[2]
COMMON = {"experiment", "modalities", "trainings", "reuse", "store", "tracking", "image"}
LOOPS = {
    "train": {"trainings"},
    "new-modality": {"trainings"},
    "sweep": {"trainings", "weights"},
    "prior": {"trainings"},
}
TASKS = dict.fromkeys(
    ("train", "new-modality", "sweep"),
    ("begin", "prepare", "train", "gather", "evaluate", "finish"),
) | {"prior": ("begin", "prepare", "fit-prior", "gather", "select-prior", "finish")}
ALLOWED = re.compile(
    r"\s*-? ?(secretAsEnv:|(envVar|secretKey): (AWS_ACCESS_KEY_ID|AWS_SECRET_ACCESS_KEY"
    r"|MLFLOW_TRACKING_USERNAME|MLFLOW_TRACKING_PASSWORD)|secretNameParameter:"
    r"|(secretName|constant): sdml-(store|tracking)-credentials)"
)
CACHED = {"comp-prepare", "comp-train", "comp-fit-prior"}


SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "s3cr3t-of-the-store",
    "MLFLOW_TRACKING_PASSWORD": "s3cr3t-of-tracking",
}


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    # A line that YAML would read as more than a comment, if it left the header's comment.
    classes = ["0", "1", "2", "x\nroot: {}\u2028components: 7"]
    folder = tmp_path_factory.mktemp("world")
    return read_experiment(write_experiment(folder, subspace={"classes": classes}))


@pytest.fixture(scope="module")
def files(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each pipeline, compiled where the environment has credentials. Only to be read."""
    folder = tmp_path_factory.mktemp("compiled")
    made = {name: folder / f"{name}.yaml" for name in NAMES}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        for name, output in made.items():
            compile_pipeline(name, experiment, modalities=None, output=output)
    return made


def read(file: Path) -> Any:
    """The pipeline as kfp's own loader reads the compiled file."""
    return loader.load_component_from_file(str(file)).pipeline_spec


def compiled(name: str, experiment: Experiment, output: Path) -> Any:
    """The same of a pipeline of its own."""
    compile_pipeline(name, experiment, modalities=None, output=output)
    return read(output)


def all_tasks(spec: Any) -> list[Any]:
    """Every task and loop of the pipeline, at any depth."""
    graphs = [spec.root.dag, *(c.dag for c in spec.components.values() if c.HasField("dag"))]
    return [task for graph in graphs for task in graph.tasks.values()]


def tasks_of(spec: Any) -> dict[str, Any]:
    """The tasks by component name."""
    return {
        task.component_ref.name: task
        for task in all_tasks(spec)
        if task.component_ref.name.startswith("comp-")
        and spec.components[task.component_ref.name].HasField("executor_label")
    }


@pytest.mark.parametrize("name", NAMES)
def test_has_the_tasks_loops_and_parameters(name: str, files: dict[str, Path]) -> None:
    spec = read(files[name])
    assert spec.pipeline_info.name == f"sdml-{name}"
    tasks = tasks_of(spec)
    assert set(tasks) == {f"comp-{task}" for task in TASKS[name]}
    for component, task in tasks.items():
        words = component.removeprefix("comp-").split("-")
        assert task.task_info.name == "".join(word.capitalize() for word in words)
        assert task.caching_options.enable_cache == (component in CACHED)
    loops = [t for t in all_tasks(spec) if t.WhichOneof("iterator")]
    # Over pipeline parameters only: the local runner mixes up loops over task outputs.
    assert {
        loop.inputs.parameters[
            loop.parameter_iterator.items.input_parameter
        ].component_input_parameter.removeprefix("pipelinechannel--")
        for loop in loops
    } == LOOPS[name]
    assert all(not loop.iterator_policy.parallelism_limit for loop in loops)
    assert set(spec.root.input_definitions.parameters) == COMMON | LOOPS[name]


def test_a_sweep_together_trains_every_weight_in_one_task(tmp_path: Path) -> None:
    file = write_experiment(tmp_path / "world", sweep={"together": True})
    spec = compiled("sweep", read_experiment(file), tmp_path / "p.yaml")
    tasks = tasks_of(spec)
    assert set(tasks) == {
        f"comp-{task}" for task in ("begin", "prepare", "sweep", "gather", "evaluate", "finish")
    }
    task = tasks["comp-sweep"]
    assert task.caching_options.enable_cache
    weights = task.inputs.parameters["weights"].component_input_parameter
    assert weights == "pipelinechannel--weights"
    assert set(spec.root.input_definitions.parameters) == COMMON | LOOPS["sweep"]


@pytest.mark.parametrize("name", NAMES)
def test_the_exit_task_follows_whatever_happens(name: str, files: dict[str, Path]) -> None:
    spec = read(files[name])
    last = tasks_of(spec)["comp-finish"]
    assert last.trigger_policy.strategy == last.trigger_policy.ALL_UPSTREAM_TASKS_COMPLETED
    [everything] = last.dependent_tasks
    assert set(spec.root.dag.tasks) == {"finish", everything}
    status = last.inputs.parameters["status"].task_final_status
    assert status.producer_task == everything


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cached_when_asked_not_to(
    name: str, experiment: Experiment, tmp_path: Path
) -> None:
    output = tmp_path / "p.yaml"
    compile_pipeline(name, experiment, modalities=None, output=output, cache=False)
    spec = read(output)
    assert not any(task.caching_options.enable_cache for task in tasks_of(spec).values())
    assert not spec.root.input_definitions.parameters["reuse"].default_value.bool_value


@pytest.mark.parametrize("name", NAMES)
def test_the_experiment_comes_back_as_it_was(
    name: str, experiment: Experiment, files: dict[str, Path]
) -> None:
    spec = read(files[name])
    default = spec.root.input_definitions.parameters["experiment"].default_value.string_value
    assert "${SDML_STORE}" in default  # a folder on this machine means nothing to a pod
    found = parse_experiment(default, environment={"SDML_STORE": experiment.store})
    assert found == experiment


@pytest.mark.parametrize("name", NAMES)
def test_every_task_runs_in_the_one_image(name: str, files: dict[str, Path]) -> None:
    spec = read(files[name])
    parameters = spec.root.input_definitions.parameters
    assert parameters["image"].default_value.string_value == "sdml:0.1.0-cpu"
    containers = [e["container"] for e in spec.deployment_spec["executors"].values()]
    assert len(containers) == 6
    assert {c["image"] for c in containers} == {"{{$.inputs.parameters['pipelinechannel--image']}}"}
    for container in containers:
        assert "pip install" not in " ".join([*container["command"], *container["args"]])


@pytest.mark.parametrize("name", NAMES)
def test_holds_no_secret(name: str, files: dict[str, Path]) -> None:
    text = files[name].read_text()
    assert "s3cr3t" not in text
    assert not re.search(r"(?i)token|://[^/\s]*:[^/\s]*@", text)
    for line in text.splitlines():  # names of Secrets and of their keys, and no value
        if re.search(r"(?i)password|secret|access_key|credentials", line):
            assert re.fullmatch(ALLOWED, line), line


@pytest.mark.parametrize("name", NAMES)
def test_the_same_input_gives_the_same_bytes(
    name: str, experiment: Experiment, files: dict[str, Path], tmp_path: Path
) -> None:
    again = tmp_path / "again.yaml"
    compile_pipeline(name, experiment, modalities=None, output=again)
    assert again.read_bytes() == files[name].read_bytes()


def compile_elsewhere(experiment: Path, output: Path, **environment: str) -> None:
    """Compile the train pipeline in a process of its own."""
    files = ["--experiment", str(experiment), "--output", str(output)]
    subprocess.run(
        [sys.executable, "-m", "pipelines", "compile", "train", *files],
        env={**os.environ, **environment},
        cwd=ROOT,
        check=True,
        capture_output=True,
    )


def test_another_process_gives_the_same_bytes(experiment_file: Path, tmp_path: Path) -> None:
    for seed in ("1", "2"):
        compile_elsewhere(experiment_file, tmp_path / f"{seed}.yaml", PYTHONHASHSEED=seed)
    assert (tmp_path / "1.yaml").read_bytes() == (tmp_path / "2.yaml").read_bytes()


def test_refuses_a_folder_that_is_not_there(experiment: Experiment, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--output must lie in a folder that exists"):
        compile_pipeline("train", experiment, modalities=None, output=tmp_path / "no" / "p.yaml")
    assert not (tmp_path / "no").exists()


def test_refuses_a_folder_as_the_file(experiment: Experiment, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must be a file"):
        compile_pipeline("train", experiment, modalities=None, output=tmp_path)


def test_replaces_whole_or_not_at_all(experiment: Experiment, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    output = folder / "any name"
    older = "# PIPELINE DEFINITION\n# older\n"
    output.write_text(older)
    with pytest.raises(ExperimentError):
        compile_pipeline("train", experiment, modalities=["none"], output=output)
    assert output.read_text() == older
    compile_pipeline("train", experiment, modalities=None, output=output)
    assert output.read_text().startswith("# PIPELINE DEFINITION\n# Name: sdml-train")
    assert list(folder.iterdir()) == [output]


@pytest.mark.parametrize("content", [b"collection: mine\n", b"\x93NUMPY", b"# PIPELINE"])
def test_a_file_that_is_no_compiled_pipeline_is_not_replaced(
    experiment: Experiment, tmp_path: Path, content: bytes
) -> None:
    output = tmp_path / "train.yaml"
    output.write_bytes(content)
    with pytest.raises(UserError, match=r"train\.yaml, which holds something else") as refused:
        compile_pipeline("train", experiment, modalities=None, output=output)
    assert "\n" not in str(refused.value)
    assert output.read_bytes() == content
    output.write_bytes(b"")  # as mktemp leaves it
    compile_pipeline("train", experiment, modalities=None, output=output)
    assert output.stat().st_size


@pytest.mark.parametrize("name", ["train", "sweep"])
def test_the_cluster_may_limit_how_many_iterations_run_at_a_time(name: str, tmp_path: Path) -> None:
    file = write_experiment(tmp_path, cluster={"parallelism": 20})
    spec = compiled(name, read_experiment(file), tmp_path / "x.yaml")
    loops = [task for task in all_tasks(spec) if task.WhichOneof("iterator")]
    assert len(loops) == len(LOOPS[name])
    assert {loop.iterator_policy.parallelism_limit for loop in loops} == {20}
