"""One of the processes of a training task; ``together.py`` starts them.

Process 0 tracks, publishes and speaks, and writes down what came of it.
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sdml.errors import SDMLError
from sdml.experiment import parse_experiment
from sdml.steps.context import Context
from sdml.steps.pipeline.task import log_to_stdout
from sdml.steps.pipeline.together import REQUEST, RESULT, Request
from sdml.steps.pipeline.training import log_progress
from sdml.steps.stopping import stop_on_sigterm
from sdml.steps.train import settings_of, train
from sdml.training import Place, joined


def main(folder: Path) -> int:
    """Train as the request in the folder says; returns the exit code."""
    request = Request(**json.loads((folder / REQUEST).read_text(encoding="utf-8")))
    log_to_stdout()
    place = Place.of_environment()
    leads = place.rank == 0
    if not leads:
        logging.getLogger("sdml").setLevel(logging.ERROR)
    try:
        with stop_on_sigterm() as stop:
            context = Context.open(parse_experiment(request.experiment), track=leads)
            settings = settings_of(context, request.modality, request.lambda_)
            with joined(place, settings.device) as ranks:
                trained = train(
                    context,
                    request.modality,
                    features=request.features,
                    lambda_=request.lambda_,
                    parent_run=request.parent_run,
                    pipeline_run=request.pipeline_run,
                    on_epoch=log_progress,
                    stop=stop,
                    reuse=request.reuse,
                    ranks=ranks,
                    partner=request.partner,
                )
    except SDMLError as error:
        if leads:
            _write(folder, {"error": " ".join(str(error).split())})
        return error.exit_code
    if leads:
        _write(folder, asdict(trained))
    return 0


def _write(folder: Path, result: dict[str, Any]) -> None:
    (folder / RESULT).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
