"""``python -m pipelines run``: every task on this machine."""

from __future__ import annotations

import argparse

from pipelines.commands.options import Actions, action, pipeline_arguments
from sdml.experiment import read_experiment


def add_to(actions: Actions) -> None:
    """Add the action to the parser."""
    parser = action(
        actions,
        "run",
        _run,
        summary="run every task on this machine, one process each",
        examples="python -m pipelines run train --experiment examples/digits/experiment.yaml",
    )
    pipeline_arguments(parser)


def _run(arguments: argparse.Namespace) -> int:
    from pipelines.local_run import run_locally

    experiment = read_experiment(arguments.experiment)
    run_locally(arguments.pipeline, experiment, modalities=arguments.modality)
    return 0
