"""``sdml evaluate``: mAP between all pairs of modalities, and the report."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from sdml.cli.console import Console
from sdml.cli.options import Commands, command, experiment_argument, open_experiment
from sdml.cli.tables import map_table

if TYPE_CHECKING:
    from sdml.steps.context import Context


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(
        commands,
        "evaluate",
        _run,
        summary="measure retrieval between all pairs of modalities and write the report",
        examples="""
sdml evaluate experiment.yaml
sdml evaluate experiment.yaml --json > result.json
sdml evaluate experiment.yaml --lambda 0 --lambda 0.5 --lambda 0.9
sdml evaluate experiment.yaml --sweep""",
    )
    experiment_argument(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--lambda",
        dest="lambdas",
        type=float,
        action="append",
        metavar="λ",
        help="the newest encoders trained with it; may be given again, for an evaluation of each",
    )
    which.add_argument("--sweep", action="store_true", help="the same for each of sweep.lambdas")


def _run(arguments: argparse.Namespace, console: Console) -> None:
    from sdml.steps.evaluate import evaluate

    context = open_experiment(arguments, track=True)
    lambdas = context.experiment.sweep.lambdas if arguments.sweep else arguments.lambdas
    if lambdas is not None:
        _each(context, lambdas, console)
        return
    evaluated = evaluate(context)
    console.result(
        evaluated.to_json(),
        [map_table(evaluated.pairs, evaluated.similarity), f"report  {evaluated.report}"],
    )


def _each(context: Context, lambdas: Sequence[float], console: Console) -> None:
    """A row for each λ."""
    from sdml.steps.evaluate_sweep import evaluate_lambdas

    found = evaluate_lambdas(context, lambdas)
    table = Table(title=f"mAP@all, {found[0].evaluated.similarity}", title_justify="left")
    table.add_column("λ", justify="right", no_wrap=True)
    table.add_column("mean mAP", justify="right", no_wrap=True)
    table.add_column("report")
    for each in found:
        made = each.evaluated
        table.add_row(f"{each.lambda_:g}", f"{made.mean_map:.3f}", made.report)
    console.result([{"lambda": e.lambda_, **e.evaluated.to_json()} for e in found], [table])
