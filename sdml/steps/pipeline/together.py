"""The training task on several accelerators of one pod: a process for each of them.

The task's own process only watches: it hands the training to the others in a file, passes SIGTERM
on to them, and reads from another file what process 0 has made of it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sdml.errors import SDMLError
from sdml.experiment import dump_experiment
from sdml.steps.pipeline.task import Task
from sdml.steps.processes import run_together
from sdml.steps.sources import scratch_folder
from sdml.steps.train import Trained

REQUEST = "request.json"
RESULT = "result.json"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What each process is to train; arguments of ``sdml.steps.train.train``."""

    experiment: str
    modality: str
    features: str
    lambda_: float
    parent_run: str | None
    pipeline_run: str
    reuse: bool
    partner: str | None


class TogetherError(SDMLError):
    """One of several processes has failed; ``exit_code`` is what they deserve together."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def train_together(task: Task, processes: int, **what: Any) -> Trained:
    """Train with several processes; ``what`` are the fields of :class:`Request` but the experiment.

    Raises:
        TogetherError: a process has failed, or all were stopped.
    """
    request = Request(experiment=dump_experiment(task.context.experiment), **what)
    with scratch_folder(task.context.scratch) as folder:
        (folder / REQUEST).write_text(json.dumps(asdict(request)), encoding="utf-8")
        command = ["-m", "sdml.steps.pipeline.rank", str(folder)]
        code = run_together(processes, command, task.stop)
        result = _read(folder / RESULT)
        if code != 0 or result is None:
            said = (result or {}).get("error", "see what they have said above")
            raise TogetherError(f"training with {processes} processes has ended: {said}", code or 1)
        return Trained(**result)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found
