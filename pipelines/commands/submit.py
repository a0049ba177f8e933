"""``python -m pipelines submit``: a run on a Kubeflow Pipelines server."""

from __future__ import annotations

import argparse
import sys

from pipelines.commands.options import Actions, action, pipeline_arguments
from sdml.experiment import read_experiment


def add_to(actions: Actions) -> None:
    """Add the action to the parser."""
    parser = action(
        actions,
        "submit",
        _run,
        summary="start a run on a Kubeflow Pipelines server",
        examples="python -m pipelines submit train --experiment my.yaml --host http://localhost:8080",
    )
    pipeline_arguments(parser)
    parser.add_argument("--host", required=True, metavar="URL", help="the server's address")


def _run(arguments: argparse.Namespace) -> int:
    from pipelines.submission import submit

    experiment = read_experiment(arguments.experiment)
    run = submit(arguments.pipeline, experiment, modalities=arguments.modality, host=arguments.host)
    sys.stdout.write(f"{run}\n")
    return 0
