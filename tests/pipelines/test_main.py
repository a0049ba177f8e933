"""``python -m pipelines``, through ``main()``: exit codes, and one line for each error."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from pipelines.__main__ import main
from tests.pipelines.world import write_experiment


def test_compiles_and_names_the_file(
    experiment_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "train.yaml"
    arguments = ["compile", "train", "--experiment", str(experiment_file), "--output", str(output)]
    assert main(arguments) == 0
    assert output.is_file()
    assert capsys.readouterr() == (f"{output}\n", "")


def test_compiles_beside_the_caller_by_default(
    experiment_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compile", "sweep", "--experiment", str(experiment_file)]) == 0
    assert (tmp_path / "sweep.yaml").is_file()


def test_a_replaced_tracking_address_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = {"config_map": "our-endpoints"}
    file = write_experiment(tmp_path, tracking="http://localhost:5000", cluster=cluster)
    output = tmp_path / "train.yaml"
    given = ["--experiment", str(file)]
    assert main(["compile", "train", *given, "--output", str(output)]) == 0
    out, err = capsys.readouterr()
    assert out == f"{output}\n"
    [line] = err.splitlines()
    assert line.startswith("note: tracking: localhost is this machine")
    assert line.endswith("take MLFLOW_TRACKING_URI from ConfigMap our-endpoints")
    assert "localhost" not in output.read_text()
    assert main(["submit", "train", *given, "--host", "http://127.0.0.1:1"]) == 1
    assert capsys.readouterr().err.splitlines()[0] == line


@pytest.mark.parametrize("given", [[], ["--output", "link.yaml"]])
def test_the_experiment_file_is_not_overwritten(
    tmp_path: Path,
    given: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = write_experiment(tmp_path, "train")
    (tmp_path / "link.yaml").symlink_to(file)
    before = file.read_text()
    monkeypatch.chdir(tmp_path)
    assert main(["compile", "train", "--experiment", "train.yaml", *given]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("sdml: error: --output must not be the experiment file, got ")
    assert file.read_text() == before
    assert (tmp_path / "link.yaml").is_symlink()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["compile", "train", "--modality", "imag"], 2, "'imag' is not in the experiment file"),
        (["compile", "train", "--output", "no/such/p.yaml"], 2, "a folder that exists"),
        (["run", "train", "--modality", "image"], 2, "at least two"),
        (["submit", "train", "--host", "http://127.0.0.1:1"], 1, "no Kubeflow Pipelines server"),
        (["submit", "train", "--host", "nowhere"], 2, "--host must be a web address"),
        (["submit", "train", "--host", "http://[::1"], 2, "--host must be a web address"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    experiment_file: Path,
    arguments: list[str],
    code: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*arguments, "--experiment", str(experiment_file)]) == code
    out, err = capsys.readouterr()
    assert out == ""
    [line] = err.splitlines()
    assert line.startswith("sdml: error: ")
    assert words in line


def test_a_missing_experiment_file_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "train", "--experiment", str(tmp_path / "no.yaml")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "cannot be read as an experiment file" in line


@pytest.mark.parametrize("action", ["compile", "run", "submit"])
def test_without_kfp_names_the_extra(
    action: str,
    experiment_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real = builtins.__import__

    def without_kfp(name: str, *rest: Any, **keywords: Any) -> Any:
        if name.split(".")[0] == "kfp":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest, **keywords)

    monkeypatch.setattr(builtins, "__import__", without_kfp)
    host = ["--host", "http://127.0.0.1:1"] if action == "submit" else []
    assert main([action, "train", "--experiment", str(experiment_file), *host]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("sdml: error: Kubeflow pipelines needs packages")
    assert "sdml[pipelines]" in line


@pytest.mark.parametrize("arguments", [[], ["run"], ["run", "nothing"], ["fly", "train"]])
def test_a_wrong_command_line_is_the_users_mistake(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


@pytest.mark.slow
def test_a_task_that_meets_a_users_mistake_ends_the_run_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_experiment(tmp_path / "world")
    missing = tmp_path / "world" / "text.npz"
    missing.unlink()
    assert main(["run", "train", "--experiment", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    begun, prepared, error = err.splitlines()
    assert (begun, prepared) == ("task begin", "task prepare")
    assert error.startswith("sdml: error: task prepare: ")
    assert str(missing) in error
    assert not (tmp_path / "world" / "store").exists()


@pytest.mark.slow
def test_a_task_that_fails_ends_the_run_with_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training = {"hidden": [16], "epochs": 5, "batch_size": 10, "learning_rate": 1e38}
    file = write_experiment(tmp_path / "world", subspace={"dimension": 16}, training=training)
    assert main(["run", "train", "--experiment", str(file)]) == 1
    lines = capsys.readouterr().err.splitlines()
    errors = [line for line in lines if "error" in line]
    assert errors == lines[-1:]
    assert errors[0].startswith("sdml: error: task train: ")
    # The first failure ends the run: text is not tried.
    assert lines.count("task train") == 1
