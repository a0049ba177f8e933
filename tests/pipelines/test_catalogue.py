from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines import NAMES
from pipelines.catalogue import BUILDERS, arguments_for, one_line, plan_for
from sdml.errors import ExperimentError
from sdml.experiment import Experiment, parse_experiment, read_experiment
from tests.pipelines.world import write_experiment


def test_the_command_line_knows_every_pipeline() -> None:
    assert tuple(BUILDERS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_experiment_travels_as_one_line_of_ascii(name: str, tmp_path: Path) -> None:
    odd = "a: b # \u2028 \x85 'λ\" {x}"
    file = write_experiment(tmp_path, subspace={"dimension": 16, "classes": ["0", "1", "2", odd]})
    experiment = read_experiment(file)
    text = arguments_for(name, experiment, modalities=None)["experiment"]
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text)["subspace"]["classes"][-1] == odd
    assert parse_experiment(text) == experiment


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        (None, ["image", "text"]),
        (["text", "image"], ["text", "image"]),
        (["text"] * 2 + ["image"], ["text", "image"]),
    ],
)
def test_chooses_modalities_in_the_order_asked(
    experiment_file: Path, asked: list[str] | None, chosen: list[str]
) -> None:
    arguments = arguments_for("train", read_experiment(experiment_file), modalities=asked)
    assert arguments["modalities"] == chosen


def test_each_training_carries_its_own_weight(tmp_path: Path) -> None:
    modalities = {"image": {"source": "i.npz", "lambda": 0.75}, "text": {"source": "t.npz"}}
    experiment = read_experiment(write_experiment(tmp_path, modalities=modalities))
    assert arguments_for("train", experiment, modalities=None)["trainings"] == [
        {"modality": "image", "weight": 0.75},
        {"modality": "text", "weight": 0.25},
    ]


def test_the_sweep_has_every_case_once(tmp_path: Path) -> None:
    experiment = read_experiment(write_experiment(tmp_path, sweep={"lambdas": [0, 0.5, 1]}))
    arguments = arguments_for("sweep", experiment, modalities=None)
    assert arguments["weights"] == [0.0, 0.5, 1.0]
    assert arguments["trainings"] == [
        {"modality": m, "weight": w} for w in (0.0, 0.5, 1.0) for m in ("image", "text")
    ]


def test_a_sweep_together_has_every_modality_once(tmp_path: Path) -> None:
    section = {"lambdas": [0, 0.5, 1], "together": True}
    experiment = read_experiment(write_experiment(tmp_path, sweep=section))
    arguments = arguments_for("sweep", experiment, modalities=None)
    assert arguments["weights"] == [0.0, 0.5, 1.0]
    assert arguments["trainings"] == [{"modality": "image"}, {"modality": "text"}]
    of_train = arguments_for("train", experiment, modalities=None)
    assert [set(training) for training in of_train["trainings"]] == [{"modality", "weight"}] * 2


def test_a_sweep_together_is_one_process(tmp_path: Path) -> None:
    resources = {"accelerator": "nvidia.com/gpu", "count": 2}
    modalities = {
        "image": {"source": "image.npz", "resources": resources},
        "text": {"source": "text.npz"},
    }
    file = write_experiment(tmp_path, modalities=modalities, sweep={"together": True})
    experiment = read_experiment(file)
    with pytest.raises(ExperimentError, match=r"modalities\.image\.resources\.count.*is 2"):
        plan_for("sweep", experiment, modalities=None, cache=True)
    assert plan_for("train", experiment, modalities=None, cache=True).lanes[0].resources.count == 2


def test_a_pod_finds_store_and_tracking_in_its_environment(tmp_path: Path) -> None:
    file = write_experiment(tmp_path, tracking="sqlite:///runs.db")
    experiment = read_experiment(file)
    data = json.loads(one_line(experiment, in_pods=True))
    assert (data["store"], data["tracking"]) == ("${SDML_STORE}", "${MLFLOW_TRACKING_URI}")
    said = {"store": "s3://bucket/here", "tracking": "http://mlflow:5000"}
    data = json.loads(one_line(experiment.model_copy(update=said), in_pods=True))
    assert {name: data[name] for name in said} == said


@pytest.mark.parametrize(
    "host",
    ["localhost:5000", "LOCALHOST", "127.0.0.1:5000", "127.8.0.1", "[::1]:5000", "0.0.0.0:5000"],
)
def test_a_tracking_server_of_this_machine_is_not_that_of_a_pod(tmp_path: Path, host: str) -> None:
    experiment = read_experiment(write_experiment(tmp_path, tracking=f"http://{host}"))
    data = json.loads(one_line(experiment, in_pods=True))
    assert data["tracking"] == "${MLFLOW_TRACKING_URI}"
    data = json.loads(one_line(experiment, in_pods=False))
    assert data["tracking"] == f"http://{host}"


@pytest.mark.parametrize(
    ("tracking", "words"),
    [
        ("http://[::1", r"tracking must be a server's address.*got 'http://\[::1': Invalid IPv6"),
        ("http://mlflow:50a0", "tracking must be a server's address.*50a0"),
        ("http://me:hunter2@mlflow:50a0", "http://HOST:PORT: correct it"),
    ],
)
def test_refuses_a_broken_tracking_address(tmp_path: Path, tracking: str, words: str) -> None:
    experiment = read_experiment(write_experiment(tmp_path, tracking=tracking))
    with pytest.raises(ExperimentError, match=words) as refused:
        one_line(experiment, in_pods=True)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("modalities", "words"),
    [
        ([], "at least one"),
        (["imag"], "'imag' is not in the experiment file, which has: image, text"),
    ],
)
def test_refuses_modalities_that_cannot_be_run(
    experiment_file: Path, name: str, modalities: list[str], words: str
) -> None:
    with pytest.raises(ExperimentError, match=words):
        arguments_for(name, read_experiment(experiment_file), modalities=modalities)


def test_only_a_new_modality_may_come_alone(experiment_file: Path) -> None:
    experiment = read_experiment(experiment_file)
    for name in ("train", "sweep"):
        with pytest.raises(ExperimentError, match="at least two"):
            arguments_for(name, experiment, modalities=["text"])
    assert arguments_for("new-modality", experiment, modalities=["text"])["modalities"] == ["text"]


def test_refuses_a_password_in_the_tracking_address(tmp_path: Path) -> None:
    file = write_experiment(tmp_path, tracking="https://me:hunter2@mlflow.example")
    with pytest.raises(ExperimentError, match="MLFLOW_TRACKING_PASSWORD") as refused:
        arguments_for("train", read_experiment(file), modalities=None)
    assert "hunter2" not in str(refused.value)


def wide_sweep(modalities: int) -> Experiment:
    return Experiment.model_validate(
        {
            "collection": "wide",
            "sweep": {"lambdas": [n / 10 for n in range(11)]},
            "modalities": {f"modality{n:03d}": {"source": "s3://b/x"} for n in range(modalities)},
        }
    )


def test_a_hundred_modalities_with_eleven_weights_fit_into_the_parameters() -> None:
    experiment = wide_sweep(100)
    plan = plan_for("sweep", experiment, modalities=None, cache=True)
    arguments = arguments_for("sweep", experiment, modalities=None, plan=plan)
    assert len(arguments["trainings"]) == 1100


def test_parameters_that_no_pod_could_be_given_are_refused() -> None:
    experiment = wide_sweep(250)
    plan = plan_for("sweep", experiment, modalities=None, cache=True)
    with pytest.raises(ExperimentError, match=r"at most 120000 bytes.*'trainings'.*--modality"):
        arguments_for("sweep", experiment, modalities=None, plan=plan)
    arguments_for("sweep", experiment, modalities=None)  # on this machine nothing limits them


PARTNER = {"method": "mtls", "mtls": {"partner": "image"}}


def test_a_partner_is_not_trained_in_the_same_run(tmp_path: Path) -> None:
    modalities = {"image": {"source": "i.npz"}, "text": {"source": "t.npz", **PARTNER}}
    training = {"epochs": 2}
    experiment = read_experiment(
        write_experiment(tmp_path, modalities=modalities, training=training)
    )
    said = "in a run without text .* new-modality pipeline and --modality text"
    for name in ("train", "new-modality"):
        with pytest.raises(ExperimentError, match=said):
            arguments_for(name, experiment, modalities=None)
        with pytest.raises(ExperimentError, match=said):
            plan_for(name, experiment, modalities=None, cache=True)
    with pytest.raises(ExperimentError, match="varies λ, which method mtls has not"):
        arguments_for("sweep", experiment, modalities=None)
    alone = arguments_for("new-modality", experiment, modalities=["text"])
    assert alone["trainings"] == [{"modality": "text", "weight": 0.0}]
