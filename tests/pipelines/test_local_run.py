"""What a local run leaves behind when it is interrupted or killed: nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.local_run import run_locally
from sdml.errors import ExperimentError
from sdml.experiment import read_experiment
from tests.pipelines.world import write_experiment

ROOT = Path(__file__).parents[2]


def processes_with(marker: str) -> set[int]:
    """Processes whose environment has the marker, zombies left out."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if marker.encode() in (folder / "environ").read_bytes():
                    found.add(int(folder.name))
            except OSError:
                continue
    return found


def all_gone(marker: str) -> bool:
    """Wait until none is left."""
    deadline = time.monotonic() + 20
    while processes_with(marker):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path, str]]:
    """A run in its first task, its temporary folder, and what marks its processes."""
    file = write_experiment(tmp_path / "world")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    marker = f"SDML_TEST_RUN={tmp_path}"
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "run", "train", "--experiment", str(file)],
        env={**os.environ, "TMPDIR": str(scratch), "SDML_TEST_RUN": str(tmp_path)},
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job is born deaf to SIGINT, and so would this process be.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "task begin\n"
    while len(processes_with(marker)) < 3:
        time.sleep(0.05)
    yield process, scratch, marker
    for pid in processes_with(marker):
        os.kill(pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_takes_everything_with_it(
    running: tuple[subprocess.Popen[str], Path, str], number: signal.Signals
) -> None:
    process, scratch, marker = running
    process.send_signal(number)
    assert process.stderr is not None
    assert process.stderr.read() == "sdml: error: interrupted\n"
    assert process.wait() == 130
    assert all_gone(marker)
    assert list(scratch.iterdir()) == []


@pytest.mark.slow
def test_the_tasks_of_a_killed_run_end_too(
    running: tuple[subprocess.Popen[str], Path, str],
) -> None:
    process, _, marker = running
    process.kill()
    process.wait()
    assert all_gone(marker)


def test_refuses_before_anything_is_started(experiment_file: Path) -> None:
    said: list[str] = []
    experiment = read_experiment(experiment_file)
    for modalities in ([], ["nothing"], ["image"]):
        with pytest.raises(ExperimentError):
            run_locally("train", experiment, modalities=modalities, say=said.append)
    assert said == []
    assert not Path(experiment.store).exists()
