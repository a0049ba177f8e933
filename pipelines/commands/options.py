"""Arguments that several actions share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines import NAMES
from pipelines.pod_address import pod_notes
from sdml.experiment import Experiment

Actions = Any  # argparse keeps the type of its sub-parsers private
Run = Callable[[argparse.Namespace], int]


def action(
    actions: Actions, name: str, run: Run, *, summary: str, examples: str = ""
) -> argparse.ArgumentParser:
    """Add an action; ``run`` returns the exit code."""
    parser: argparse.ArgumentParser = actions.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog="examples:\n" + "\n".join(f"  {line}" for line in examples.strip().splitlines())
        if examples
        else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser


def pipeline_arguments(parser: argparse.ArgumentParser) -> None:
    """The pipeline's name, the experiment file and the modalities."""
    parser.add_argument("pipeline", choices=NAMES, help="which pipeline")
    experiment_argument(parser)
    parser.add_argument(
        "--modality", action="append", metavar="M", help="only this one; may be given again"
    )


def experiment_argument(parser: argparse.ArgumentParser) -> None:
    """The experiment file."""
    parser.add_argument("--experiment", type=Path, required=True, metavar="FILE.yaml")


def tell_notes(experiment: Experiment) -> None:
    """Say on standard error what pods will find in other places than the file says.

    Raises:
        ExperimentError: the tracking address is not one.
    """
    for note in pod_notes(experiment):
        sys.stderr.write(f"note: {note}\n")
