"""``sdml sweep``: encoders of one modality with several λ, seeds or learning rates, at once."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from sdml.cli.console import Console
from sdml.cli.options import Commands, command, experiment_argument, open_experiment
from sdml.cli.result_file import check_writable, write_result
from sdml.steps.stopping import stop_on_sigterm

if TYPE_CHECKING:
    from sdml.steps.sweep import Swept
    from sdml.training import EpochRecord


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(
        commands,
        "sweep",
        _run,
        summary="train one modality with several λ, seeds or learning rates at once",
        examples="""
sdml sweep experiment.yaml --modality image
sdml sweep experiment.yaml --modality image --lambda 0 --lambda 0.5 --lambda 1
sdml sweep experiment.yaml --modality text --lambda 0.5 --seeds 5 --json""",
    )
    experiment_argument(parser)
    parser.add_argument("--modality", required=True, metavar="M", help="which one")
    parser.add_argument(
        "--lambda",
        dest="lambdas",
        action="append",
        type=float,
        metavar="λ",
        help="may be given again (the file's sweep.lambdas)",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        default=1,
        metavar="N",
        help="each λ with so many seeds, from the file's own upwards (1)",
    )
    parser.add_argument(
        "--learning-rate",
        dest="learning_rates",
        action="append",
        type=float,
        metavar="R",
        help="may be given again (the file's own)",
    )
    parser.add_argument(
        "--at-once", type=int, metavar="N", help="so many at a time, for less memory (all)"
    )
    parser.add_argument(
        "--result", type=Path, metavar="FILE", help="also write the JSON object to this file"
    )


def _run(arguments: argparse.Namespace, console: Console) -> None:
    with stop_on_sigterm() as stop:
        if arguments.result is not None:
            check_writable(arguments.result, experiment=arguments.file)
        _sweep(arguments, console, stop)


def _sweep(arguments: argparse.Namespace, console: Console, stop: Callable[[], bool]) -> None:
    from sdml.steps.sweep import sweep, sweep_settings

    context = open_experiment(arguments, track=True)
    settings = sweep_settings(
        context,
        arguments.modality,
        lambdas=arguments.lambdas,
        seeds=arguments.seeds,
        learning_rates=arguments.learning_rates,
    )
    with console.progress(f"sweep {arguments.modality}") as advance:

        def on_epoch(records: Sequence[EpochRecord], epochs: int) -> None:
            if records:
                validation = [record.validation_supervised for record in records]
                speed = sum(record.samples_per_second for record in records)
                advance(
                    records[0].epoch,
                    epochs,
                    f"validation {min(validation):.4f} to {max(validation):.4f}, "
                    f"{speed:,.0f} samples/s in {len(records)} settings",
                )

        swept = sweep(
            context,
            arguments.modality,
            settings,
            at_once=arguments.at_once,
            on_epoch=on_epoch,
            stop=stop,
        )
    result = _as_json(swept)
    if arguments.result is not None:
        write_result(arguments.result, result)
    console.result(result, [_table(swept), f"time        {swept.seconds:.1f} s"])


def _as_json(swept: Swept) -> dict[str, Any]:
    return {
        "modality": swept.modality,
        "subspace": swept.subspace,
        "encoders": [
            {
                "lambda": each.lambda_,
                "seed": each.seed,
                "learning_rate": each.learning_rate,
                "best_epoch": each.best_epoch,
                "epochs": each.epochs,
                "validation": each.validation,
                "encoder": each.encoder,
                "reused": each.reused,
            }
            for each in swept.encoders
        ],
        "seconds": swept.seconds,
    }


def _table(swept: Swept) -> Table:
    """A line for each setting; seed and learning rate only where they differ."""
    seeds = len({each.seed for each in swept.encoders}) > 1
    rates = len({each.learning_rate for each in swept.encoders}) > 1
    table = Table(title=f"{swept.modality}, subspace {swept.subspace}", title_justify="left")
    names = ["λ", *(["seed"] if seeds else []), *(["learning rate"] if rates else [])]
    for name in (*names, "best epoch", "validation"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("encoder")
    for each in swept.encoders:
        table.add_row(
            f"{each.lambda_:g}",
            *([str(each.seed)] if seeds else []),
            *([f"{each.learning_rate:g}"] if rates else []),
            f"{each.best_epoch} of {each.epochs}",
            f"{each.validation:.4f}",
            each.encoder + (" (trained before)" if each.reused else ""),
        )
    return table
