"""Runs a pipeline on this machine through Kubeflow's local runner, one process for each task.

Tasks run one after the other: each uses all cores, which is faster than sharing them. The
runner itself is a process of its own (``worker.py``), at the head of a process group. So one
signal ends everything that it has started, its files lie in one folder that goes away, and
what it logs is read here and told in short.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipelines.catalogue import arguments_for
from pipelines.platform import PIPELINE_RUN
from pipelines.task_log import TaskLog
from sdml import environment
from sdml.errors import SDMLError
from sdml.experiment import Experiment

_ROOT = Path(__file__).parents[1]
# Long enough for a task to close its tracking run.
_GRACE_SECONDS = 15.0


class PipelineError(SDMLError):
    """A task of a local pipeline run failed; its exit code is that of the task."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def run_locally(
    name: str,
    experiment: Experiment,
    *,
    modalities: Sequence[str] | None = None,
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr),  # noqa: T201
) -> None:
    """Run a pipeline to its end, or to its first task that fails.

    Args:
        name: ``train``, ``new-modality``, ``sweep`` or ``prior``.
        modalities: which ones; all of the file by default.
        say: gets a line for each task, and what the tasks log.

    Raises:
        ExperimentError: the file has no such modality, or too few.
        PipelineError: a task failed; the message is the task's own line.
    """
    arguments = arguments_for(name, experiment, modalities=modalities)
    environment.set_defaults()  # inherited by the tasks
    run = uuid.uuid4().hex
    log = TaskLog(say)
    with tempfile.TemporaryDirectory(prefix="sdml-pipeline-") as folder:
        try:
            together = experiment.sweep.together
            with _worker(name, arguments, Path(folder), run, together=together) as worker:
                assert worker.stdout is not None
                for line in worker.stdout:
                    log.take(line.rstrip("\n"))
                if worker.wait() == 0:
                    return
        except KeyboardInterrupt:
            _end_tracking(arguments["experiment"], run)
            raise
    if log.error is None:
        for line in log.tail():
            say(line)
    raise PipelineError(
        f"task {log.task}: {log.error or 'ended without saying why: see the lines above'}",
        log.exit_code,
    )


def _end_tracking(experiment: str, run: str) -> None:
    """What the exit task would have done, had the runner lived."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [sys.executable, "-m", "pipelines.ending"],
            input=experiment,
            encoding="utf-8",
            env=_environment(run),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            timeout=_GRACE_SECONDS,
            check=False,
        )


def _environment(run: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, PIPELINE_RUN: run}


@contextlib.contextmanager
def _worker(
    name: str, arguments: dict[str, Any], folder: Path, run: str, *, together: bool
) -> Iterator[subprocess.Popen[str]]:
    """The runner's process. When the block is left, no process that it started is left."""
    scratch = folder / "tmp"
    scratch.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-u", "-W", "ignore", "-m", "pipelines.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**_environment(run), "TMPDIR": str(scratch)},
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        request = {
            "pipeline": name,
            "arguments": arguments,
            "together": together,
            "folder": str(folder),
        }
        # Kept open: the runner ends itself and its tasks when this process is gone.
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        yield process
    except BaseException:
        # First the runner, or it would start the next task when this one ends.
        process.kill()
        process.wait()
        _interrupt_group(process.pid)
        raise
    else:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    finally:
        process.stdin.close()
        process.stdout.close()


def _interrupt_group(group: int) -> None:
    """Let every process of a group close its work, and kill those that take too long."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGINT)
        deadline = time.monotonic() + _GRACE_SECONDS
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.05)
        os.killpg(group, signal.SIGKILL)
