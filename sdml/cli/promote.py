"""``sdml promote``: say which encoder of a modality others load from MLflow's registry."""

from __future__ import annotations

import argparse

from sdml.cli.console import Console
from sdml.cli.options import Commands, command, experiment_argument, open_experiment


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(
        commands,
        "promote",
        _run,
        summary="make a registered encoder the champion of its modality in MLflow's registry",
        examples="""
sdml promote experiment.yaml --modality image
sdml promote experiment.yaml --modality image --encoder encoders/image/20260131T093000000000Z-5f0c
sdml promote experiment.yaml --modality image --version 3""",
    )
    experiment_argument(parser)
    parser.add_argument("--modality", required=True, metavar="M", help="whose encoder")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--encoder", metavar="URI", help="of this encoder; by default the newest of the modality"
    )
    which.add_argument("--version", type=int, metavar="N", help="this version of the model")


def _run(arguments: argparse.Namespace, console: Console) -> None:
    from sdml.steps.promote import promote

    promoted = promote(
        open_experiment(arguments),
        arguments.modality,
        encoder=arguments.encoder,
        number=arguments.version,
    )
    now, before = promoted.version, promoted.replaced
    replaced = None if before is None or before.number == now.number else before
    console.result(
        {
            "model": promoted.model,
            "uri": promoted.uri,
            "version": now.number,
            "encoder": now.encoder,
            "replaced": replaced and {"version": replaced.number, "encoder": replaced.encoder},
        },
        [
            f"champion  {promoted.uri}: version {now.number}, {now.encoder}",
            f"replaced  version {replaced.number}, {replaced.encoder}"
            if replaced
            else "replaced  nothing: there was no champion"
            if before is None
            else "replaced  nothing: it was the champion already",
        ],
    )
