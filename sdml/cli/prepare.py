"""``sdml prepare``: feature sets and the subspace."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from sdml.cli.console import Console
from sdml.cli.options import Commands, command, experiment_argument, open_experiment


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(
        commands,
        "prepare",
        _run,
        summary="read and check the sources, store feature sets and the shared subspace",
        examples="""
sdml prepare experiment.yaml
sdml prepare experiment.yaml --modality audio
sdml prepare experiment.yaml --modality audio --new-modality""",
    )
    experiment_argument(parser)
    parser.add_argument(
        "--modality", action="append", metavar="M", help="only this one; may be given again"
    )
    parser.add_argument(
        "--new-modality",
        action="store_true",
        help="join a collection: it must have a subspace already, and none is made",
    )


def _run(arguments: argparse.Namespace, console: Console) -> None:
    from sdml.steps.prepare import prepare

    made = prepare(
        open_experiment(arguments),
        modalities=arguments.modality,
        new_modality=arguments.new_modality,
    )
    console.result(
        asdict(made),
        [f"subspace  {made.subspace}"] + [f"{name}  {uri}" for name, uri in made.features.items()],
    )
