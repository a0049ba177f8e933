"""``sdml train``: the encoder of one modality."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from sdml.cli.console import Console
from sdml.cli.options import Commands, command, experiment_argument, open_experiment

if TYPE_CHECKING:
    from sdml.training import EpochRecord


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(
        commands,
        "train",
        _run,
        summary="train the encoder of one modality against the stored subspace",
        examples="""
sdml train experiment.yaml --modality image
sdml train experiment.yaml --modality audio --json""",
    )
    experiment_argument(parser)
    parser.add_argument("--modality", required=True, metavar="M", help="which one")


def _run(arguments: argparse.Namespace, console: Console) -> None:
    from sdml.steps.train import train

    context = open_experiment(arguments, track=True)
    with console.progress(f"train {arguments.modality}") as advance:

        def on_epoch(record: EpochRecord, epochs: int) -> None:
            advance(
                record.epoch,
                epochs,
                f"loss {record.train_loss:.4f}, validation {record.validation_supervised:.4f}, "
                f"{record.samples_per_second:,.0f} samples/s",
            )

        trained = train(context, arguments.modality, on_epoch=on_epoch)
    console.result(
        asdict(trained),
        [
            f"encoder     {trained.encoder}",
            f"best epoch  {trained.best_epoch} of {trained.epochs}",
            f"time        {trained.seconds:.1f} s",
        ],
    )
