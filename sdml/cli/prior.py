"""``sdml prior``: learn class matrices, and select one as the subspace (method drcl)."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from sdml.cli.console import Console
from sdml.cli.options import Commands, command, experiment_argument, open_experiment
from sdml.errors import UserError
from sdml.steps.stopping import stop_on_sigterm

if TYPE_CHECKING:
    from sdml.training import EpochRecord


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(
        commands,
        "prior",
        _run,
        summary="learn the class matrix of a modality, or select the best one as the subspace",
        examples="""
sdml prior fit experiment.yaml --modality image
sdml prior fit experiment.yaml --modality text
sdml prior select experiment.yaml""",
    )
    parser.add_argument("action", choices=("fit", "select"), help="what to do")
    experiment_argument(parser)
    parser.add_argument(
        "--modality",
        action="append",
        metavar="M",
        help="fit: which one; select: among these only; may be given again",
    )


def _run(arguments: argparse.Namespace, console: Console) -> None:
    if arguments.action == "select":
        _select(arguments, console)
        return
    if len(arguments.modality or ()) != 1:
        raise UserError(
            "prior fit learns from one modality, but "
            f"{len(arguments.modality or ())} are named: give --modality once"
        )
    with stop_on_sigterm() as stop:
        _fit(arguments, console, stop)


def _fit(arguments: argparse.Namespace, console: Console, stop: Callable[[], bool]) -> None:
    from sdml.steps.prior import fit_prior

    (modality,) = arguments.modality
    with console.progress(f"prior {modality}") as advance:

        def on_epoch(record: EpochRecord, epochs: int) -> None:
            advance(record.epoch, epochs, f"score {1 - record.validation_supervised:.4f}")

        made = fit_prior(open_experiment(arguments), modality, on_epoch=on_epoch, stop=stop)
    console.result(
        asdict(made),
        [
            f"prior       {made.prior}",
            f"score       {made.score:.4f}",
            f"best epoch  {made.best_epoch} of {made.epochs}",
        ],
    )


def _select(arguments: argparse.Namespace, console: Console) -> None:
    from sdml.steps.prior_selection import select_prior

    made = select_prior(open_experiment(arguments), modalities=arguments.modality)
    scores = [f"{name}  {score:.4f}" for name, score in made.scores.items()]
    console.result(
        asdict(made), [f"subspace  {made.subspace}", f"from      {made.modality}", *scores]
    )
