"""``sdml embed``: codes of new samples with a stored encoder."""

from __future__ import annotations

import argparse
from pathlib import Path

from sdml.cli.console import Console
from sdml.cli.options import Commands, command, experiment_argument, open_experiment
from sdml.cli.result_file import check_other_file


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(
        commands,
        "embed",
        _run,
        summary="embed new samples of one modality with its stored encoder",
        examples="""
sdml embed experiment.yaml --modality image --input features.npy --output codes.npy
sdml embed experiment.yaml --modality audio --input 'calls/*.wav' --output codes.npy""",
    )
    experiment_argument(parser)
    parser.add_argument("--modality", required=True, metavar="M", help="which encoder")
    parser.add_argument(
        "--input", required=True, metavar="X.npy", help="vectors, or raw items (file or glob)"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="CODES.npy", help="where to")


def _run(arguments: argparse.Namespace, console: Console) -> None:
    from sdml.steps.embed import embed

    check_other_file(arguments.output, "--output", arguments.file)
    made = embed(open_experiment(arguments), arguments.modality, arguments.input, arguments.output)
    rows, width = made.shape
    console.result(
        {"output": str(made.output), "rows": rows, "dimension": width, "encoder": made.encoder},
        [f"{made.output}: {rows} codes of width {width}"],
    )
