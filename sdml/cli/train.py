"""``sdml train``: the encoder of one modality."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from sdml.cli.console import Console
from sdml.cli.options import Commands, command, experiment_argument, open_experiment
from sdml.cli.result_file import check_writable, write_result
from sdml.errors import UserError
from sdml.steps.processes import run_together
from sdml.steps.stopping import stop_on_sigterm

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
sdml train experiment.yaml --modality audio --json
sdml train experiment.yaml --modality image --reuse --result /dev/termination-log
sdml train experiment.yaml --modality image --processes 4""",
    )
    experiment_argument(parser)
    parser.add_argument("--modality", required=True, metavar="M", help="which one")
    parser.add_argument(
        "--reuse",
        action="store_true",
        help="if this very training was done before, take its encoder from the store",
    )
    parser.add_argument(
        "--result", type=Path, metavar="FILE", help="also write the JSON object to this file"
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=1,
        metavar="N",
        help="so many processes share each batch, each on a GPU of its own if there is one",
    )


def _run(arguments: argparse.Namespace, console: Console) -> None:
    with stop_on_sigterm() as stop:
        if arguments.result is not None:
            check_writable(arguments.result)
        if arguments.processes == 1:
            _train(arguments, console, stop)
        else:
            _train_together(arguments, stop)


def _train_together(arguments: argparse.Namespace, stop: Callable[[], bool]) -> None:
    from sdml.experiment import read_experiment

    if arguments.processes < 1:
        raise UserError(f"--processes must be at least 1, not {arguments.processes}")
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UserError(
            "--processes starts the processes itself, but WORLD_SIZE says that another launcher "
            "has started this one: leave out one of them"
        )
    read_experiment(arguments.file)  # a mistake in it is told once, not by each process
    options = [f"--modality={arguments.modality}"]
    options += [f"--{name}" for name in ("json", "quiet", "reuse") if getattr(arguments, name)]
    options += [f"--result={arguments.result}"] if arguments.result is not None else []
    command = ["-m", "sdml", "train", *options, "--", str(arguments.file)]
    code = run_together(arguments.processes, command, stop)
    if code != 0:
        sys.exit(code)  # the processes have said why


def _train(arguments: argparse.Namespace, console: Console, stop: Callable[[], bool]) -> None:
    from sdml.steps.train import settings_of, train
    from sdml.training import Place, joined

    place = Place.of_environment()
    if place.rank > 0:  # process 0 speaks for all
        console = Console(quiet=True)
        logging.getLogger("sdml").setLevel(logging.ERROR)
    context = open_experiment(arguments, track=place.rank == 0)
    settings = settings_of(context, arguments.modality, None)
    with (
        joined(place, settings.device) as ranks,
        console.progress(f"train {arguments.modality}") as advance,
    ):

        def on_epoch(record: EpochRecord, epochs: int) -> None:
            advance(
                record.epoch,
                epochs,
                f"loss {record.train_loss:.4f}, validation {record.validation_supervised:.4f}, "
                f"{record.samples_per_second:,.0f} samples/s",
            )

        trained = train(
            context,
            arguments.modality,
            on_epoch=on_epoch,
            stop=stop,
            reuse=arguments.reuse,
            ranks=ranks,
        )
    if not ranks.leads:
        return
    result = asdict(trained)
    if arguments.result is not None:
        write_result(arguments.result, result)
    console.result(
        result,
        [
            f"encoder     {trained.encoder}",
            f"best epoch  {trained.best_epoch} of {trained.epochs}",
            "time        none, it was trained before"
            if trained.reused
            else f"time        {trained.seconds:.1f} s",
        ],
    )
