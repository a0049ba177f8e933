"""``sdml evaluate``: mAP between all pairs of modalities, and the report."""

from __future__ import annotations

import argparse

from sdml.cli.console import Console
from sdml.cli.options import Commands, command, experiment_argument, open_experiment
from sdml.cli.tables import map_table


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(
        commands,
        "evaluate",
        _run,
        summary="measure retrieval between all pairs of modalities and write the report",
        examples="""
sdml evaluate experiment.yaml
sdml evaluate experiment.yaml --json > result.json""",
    )
    experiment_argument(parser)


def _run(arguments: argparse.Namespace, console: Console) -> None:
    from sdml.steps.evaluate import evaluate

    evaluated = evaluate(open_experiment(arguments, track=True))
    console.result(
        evaluated.to_json(),
        [map_table(evaluated.pairs, evaluated.similarity), f"report  {evaluated.report}"],
    )
