"""``python -m pipelines submit`` and ``watch``: output, exit codes, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import kfp_server_api as api
import pytest

from pipelines.__main__ import main
from tests.servers.dex import DexGate
from tests.servers.kubeflow import KubeflowServer, kubeflow_server
from tests.servers.kubeflow_tasks import workflow_tasks


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[KubeflowServer]:
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")
    with kubeflow_server() as started:
        yield started


@pytest.fixture
def train(server: KubeflowServer, experiment_file: Path) -> list[str]:
    return ["submit", "train", "--experiment", str(experiment_file), "--host", server.host]


def test_prints_the_page_of_the_run(
    server: KubeflowServer, train: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(train) == 0
    [run] = server.runs
    assert capsys.readouterr() == (f"{server.host}/#/runs/details/{run.run_id}\n", "")


def test_names_and_caching_are_arguments(
    server: KubeflowServer, train: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["--run-name", "r", "--kfp-experiment", "e", "--pipeline-name", "p"]
    assert main([*train, *names, "--service-account", "a", "--no-cache", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    [run], [version] = server.runs, server.versions
    assert made == {
        "id": run.run_id,
        "url": f"{server.host}/#/runs/details/{run.run_id}",
        "name": "r",
        "experiment": "e",
        "experiment_id": run.experiment_id,
        "pipeline": "p",
        "pipeline_id": version.pipeline_id,
        "version": version.display_name,
        "version_id": version.pipeline_version_id,
        "uploaded": True,
    }
    assert run.service_account == "a"
    assert run.runtime_config.parameters["reuse"] is False


def test_watching_ends_with_the_run(
    server: KubeflowServer, train: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    server.play = [{"state": "SUCCEEDED", "tasks": workflow_tasks({"prepare": "SUCCEEDED"})}]
    assert main([*train, "--watch"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{server.host}/#/runs/details/")
    assert [line[9:] for line in err.splitlines()] == ["prepare: SUCCEEDED", "run: SUCCEEDED"]


def test_a_failed_run_is_exit_code_1(
    server: KubeflowServer, train: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    server.play = [{"state": "FAILED", "tasks": workflow_tasks({"prepare": "FAILED"})}]
    assert main([*train, "--watch"]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("sdml: error: the run failed: task prepare: read the task's log at http")


def test_a_recurring_run(
    server: KubeflowServer, train: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*train, "--recurring", "0 2 * * *", "--max-concurrency", "2"]) == 0
    [recurring] = server.recurring
    assert recurring.max_concurrency == "2"
    assert capsys.readouterr().out.endswith(
        f"/#/recurringrun/details/{recurring.recurring_run_id}\n"
    )


def test_a_run_is_watched_by_its_page(
    server: KubeflowServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.runs.append(api.V2beta1Run(run_id="r-1"))
    assert main(["watch", f"{server.host}/#/runs/details/r-1"]) == 0
    assert main(["watch", "r-1", "--host", server.host]) == 0
    assert capsys.readouterr().out == ""


def test_logins(
    server: KubeflowServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.runs.append(api.V2beta1Run(run_id="r-1"))
    watch = ["watch", "r-1", "--host", server.host]
    (tmp_path / "token").write_text("t-1")
    server.tokens = {"t-1"}
    assert main(watch) == 2
    assert main([*watch, "--token-file", str(tmp_path / "token")]) == 0
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))
    assert main([*watch, "--in-cluster"]) == 0
    server.tokens = None
    server.gate = DexGate()
    assert main(watch) == 2
    monkeypatch.setenv("SDML_DEX_PASSWORD", "wrong")
    assert main([*watch, "--dex-username", "user@example.com"]) == 2
    (tmp_path / "password").write_text("correct horse")
    dex = ["--dex-username", "user@example.com", "--dex-password-file", str(tmp_path / "password")]
    assert main([*watch, *dex]) == 0
    out, err = capsys.readouterr()
    assert not [word for word in ("t-1", "wrong", "horse") if word in out + err]


def test_a_submission_with_a_login(
    server: KubeflowServer, train: list[str], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("t-1")
    server.tokens = {"t-1"}
    assert main([*train, "--token-file", str(tmp_path / "token")]) == 0
    assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer t-1"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--recurring", "nightly"], "five fields"),
        (["--recurring", ""], "five fields"),
        (["--max-concurrency", "2"], "needs --recurring"),
        (["--dex-password-file", "p"], "needs --dex-username"),
        (["--dex-username", "u"], "needs a password"),
        (["--token-file", "no-such-file"], "cannot be read"),
        (["--ca-file", "no-such-file"], "certificates"),
        (["--namespace", "n"], "--namespace is for servers"),
    ],
)
def test_a_users_mistake_is_exit_code_2(
    server: KubeflowServer,
    train: list[str],
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*train, *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("sdml: error: ")
    assert words in line
    assert server.paths() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--watch", "--recurring", "0 2 * * *"],
        ["--token-file", "t", "--in-cluster"],
        ["--token", "secret"],
        ["--dex-password", "secret"],
    ],
)
def test_no_such_arguments(
    train: list[str], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*train, *arguments])
    assert ended.value.code == 2


def test_ctrl_c_leaves_the_run_and_says_how_to_come_back(server: KubeflowServer) -> None:
    server.runs.append(api.V2beta1Run(run_id="r-1"))
    server.play = [{"state": "RUNNING"}]
    page = f"{server.host}/#/runs/details/r-1"
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "watch", page],
        cwd=Path(__file__).parents[3],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert process.stderr is not None
    assert process.stderr.readline().endswith("run: RUNNING\n")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == f"sdml: the run goes on; to come back: python -m pipelines watch '{page}'\n"
    assert server.paths() == []
