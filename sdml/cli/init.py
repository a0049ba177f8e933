"""``sdml init``: a commented experiment file from the feature files at hand."""

from __future__ import annotations

import argparse
from pathlib import Path

from sdml.cli.console import Console
from sdml.cli.options import Commands, command


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(
        commands,
        "init",
        _run,
        summary="write a commented experiment file from what is found in feature files",
        examples="""
sdml init image.npz text.npz
sdml init photos=features/image.mat text.npz --collection news --output news.yaml""",
    )
    parser.add_argument(
        "files", nargs="+", metavar="[M=]FILE", help="a feature file; M names its modality"
    )
    parser.add_argument("--collection", default="collection", metavar="NAME", help="its name")
    parser.add_argument(
        "--output", type=Path, default=Path("experiment.yaml"), metavar="FILE.yaml", help="where to"
    )


def _run(arguments: argparse.Namespace, console: Console) -> None:
    from sdml.steps.scaffold import scaffold

    made = scaffold(arguments.files, collection=arguments.collection, output=arguments.output)
    unreadable = [f"{name}: not readable yet: {said}" for name, said in made.unreadable.items()]
    console.result(
        {"file": str(made.output), "modalities": made.modalities, "unreadable": made.unreadable},
        [
            f"{made.output}: {', '.join(made.modalities)}",
            *unreadable,
            f"next: {'correct that, then ' if unreadable else ''}sdml prepare {made.output}",
        ],
    )
