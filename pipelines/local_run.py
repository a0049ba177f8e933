"""Runs a pipeline on this machine through Kubeflow's local runner, one process for each task.

Tasks run one after the other: each uses all cores, which is faster than sharing them.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kfp import local

from pipelines.catalogue import BUILDERS, arguments_for
from sdml import environment
from sdml.errors import SDMLError
from sdml.experiment import Experiment

_OWN_LINE = re.compile(r"\s*sdml: (.*)")
_TASK_LINE = re.compile(r"Executing task .*?'([\w-]+)'")


class PipelineError(SDMLError):
    """A task of a local pipeline run failed."""


def run_locally(
    name: str,
    experiment: Experiment,
    *,
    modalities: Sequence[str] | None = None,
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr),  # noqa: T201
) -> None:
    """Run a pipeline to its end.

    Args:
        name: ``train``, ``new-modality`` or ``sweep``.
        modalities: which ones; all of the file by default.
        say: gets the lines that the tasks log.

    Raises:
        ExperimentError: the file has no such modality.
        PipelineError: a task failed; its own line has already been said.
    """
    arguments = arguments_for(name, experiment, modalities=modalities)
    environment.set_defaults()  # inherited by the tasks' processes
    with tempfile.TemporaryDirectory(prefix="sdml-pipeline-") as root:
        _run(BUILDERS[name], arguments, Path(root), say)


def _run(
    build: Callable[[int | None], Any],
    arguments: dict[str, Any],
    root: Path,
    say: Callable[[str], None],
) -> None:
    log = _Filter(say)
    with warnings.catch_warnings():
        # The runner warns of images without "python" in their name; no image is used here.
        warnings.filterwarnings("ignore", "You may be attemping", RuntimeWarning)
        local.init(
            runner=local.SubprocessRunner(use_venv=False),
            pipeline_root=str(root),
            raise_on_error=True,
        )
        try:
            with contextlib.redirect_stdout(log):
                build(1)(**arguments)
        except RuntimeError as error:
            if not log.failed:
                for line in log.tail():
                    say(line)
            message = re.sub(r"\x1b\[\d+m", "", str(error))
            raise PipelineError(f"local pipeline run: {message}") from error


class _Filter(io.TextIOBase):
    """Passes on what the tasks say; keeps the rest for the case of a failure."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lines: list[str] = []
        self._partial = ""
        self.failed = False

    def write(self, text: str) -> int:
        *lines, self._partial = (self._partial + text).split("\n")
        for line in lines:
            self._lines = [*self._lines[-200:], line]
            task, own = _TASK_LINE.search(line), _OWN_LINE.fullmatch(line)
            if own:
                self._say(f"  {own[1]}")
                self.failed = self.failed or own[1].startswith("error:")
            elif task:
                self._say(f"task {task[1]}")
        return len(text)

    def tail(self) -> list[str]:
        """The last lines, for a failure that no task has explained."""
        return [line for line in self._lines if line.strip()][-40:]
