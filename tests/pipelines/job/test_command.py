"""``python -m pipelines job``, as a person calls it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from pipelines.__main__ import main
from tests.pipelines.job.conftest import write
from tests.servers.kubernetes import KubernetesServer

ROOT = Path(__file__).parents[3]
RESULT = '{"encoder":"s3://b/e"}'


def arguments(doing: str, file: Path, *more: str) -> list[str]:
    return ["job", doing, "--experiment", str(file), "--modality", "audio", *more]


def test_renders_what_kubectl_takes(
    experiment_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments("render", experiment_file, "--namespace", "mine")) == 0
    out, err = capsys.readouterr()
    config_map, job = yaml.safe_load_all(out)
    assert (config_map["kind"], job["kind"]) == ("ConfigMap", "Job")
    assert config_map["metadata"]["name"] == job["metadata"]["name"]
    assert job["metadata"]["name"].startswith("sdml-train-audio-")
    assert job["metadata"]["namespace"] == "mine"
    assert err == ""


def test_a_note_does_not_disturb_the_yaml(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, modalities={"audio": {"source": "/scratch/a.npz"}})
    assert main(arguments("render", file, "--name", "mine")) == 0
    out, err = capsys.readouterr()
    assert len(list(yaml.safe_load_all(out))) == 2
    assert err.startswith("note: modalities.audio.source: /scratch/a.npz must exist in the pod")


def test_applies_and_prints_the_name(
    server: KubernetesServer,
    kubeconfig: Path,
    experiment_file: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(arguments("apply", experiment_file, "--name", "mine")) == 0
    assert capsys.readouterr() == ("mine\n", "")
    assert server.names("jobs") == ["mine"]


def finish(server: KubernetesServer, job: str, code: int, kind: str, reason: str) -> None:
    """Everything that happens to a pod, at once."""
    pod = server.start_pod(job)
    ended = {"exitCode": code, "message": RESULT if code == 0 else "the log's end"}
    server.container(pod, "train", "Succeeded" if code == 0 else "Failed", terminated=ended)
    server.finish(job, kind, reason)


@pytest.mark.parametrize(
    ("code", "kind", "reason", "expected"),
    [
        (0, "Complete", "", 0),
        (2, "Failed", "PodFailurePolicy", 2),
        (1, "Failed", "BackoffLimitExceeded", 1),
    ],
)
def test_watch_returns_the_jobs_outcome(
    server: KubernetesServer,
    kubeconfig: Path,
    experiment_file: Path,
    capsys: pytest.CaptureFixture[str],
    code: int,
    kind: str,
    reason: str,
    expected: int,
) -> None:
    assert main(arguments("apply", experiment_file, "--name", "mine")) == 0
    finish(server, "mine", code, kind, reason)
    capsys.readouterr()
    assert main(["job", "watch", "mine"]) == expected
    out, err = capsys.readouterr()
    assert out == (f"{RESULT}\n" if code == 0 else "")
    last = err.splitlines()[-1]
    assert last == "job mine: complete" if code == 0 else last.startswith("sdml: error: job mine")


def test_apply_and_watch_in_one(
    server: KubernetesServer,
    kubeconfig: Path,
    experiment_file: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def play() -> None:
        server.wait_for("list", "pods")
        finish(server, "mine", 0, "Complete", "")

    player = threading.Thread(target=play)
    player.start()
    assert main(arguments("apply", experiment_file, "--name", "mine", "--watch")) == 0
    player.join()
    assert capsys.readouterr().out == f"mine\n{RESULT}\n"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--name", "No Name"], "a Job's name has at most 63"),
        (["--modality", "video"], "'video' is not in the experiment file"),
    ],
)
@pytest.mark.parametrize("doing", ["render", "apply"])
def test_a_mistake_is_one_line_and_asks_no_cluster(
    server: KubernetesServer,
    kubeconfig: Path,
    experiment_file: Path,
    capsys: pytest.CaptureFixture[str],
    doing: str,
    more: list[str],
    words: str,
) -> None:
    assert main(arguments(doing, experiment_file, *more)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    [line] = err.splitlines()
    assert line.startswith("sdml: error: ")
    assert words in line
    assert server.asked == []


def test_a_watch_of_nothing_is_one_line(
    kubeconfig: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["job", "watch", "nothing"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "get jobs nothing in namespace sdml: there is none" in line


@pytest.mark.parametrize("words", [["job"], ["job", "fly"], ["job", "watch"], ["job", "render"]])
def test_a_wrong_command_line_is_the_users_mistake(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


def test_ctrl_c_leaves_the_job_and_says_how_to_come_back(
    server: KubernetesServer, kubeconfig: Path, experiment_file: Path
) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "pipelines"),
            *arguments("apply", experiment_file, "--name", "mine", "--watch"),
        ],
        cwd=ROOT,
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    server.wait_for("watch", "pods")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == "mine\n"
    assert err == (
        "the Job goes on; to follow it again: python -m pipelines job watch mine --namespace sdml\n"
    )
    assert server.names("jobs") == ["mine"]
