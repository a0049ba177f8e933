"""``python -m pipelines compile``: the YAML that Kubeflow Pipelines takes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipelines.commands.options import Actions, action, pipeline_arguments, tell_notes
from sdml.errors import UserError
from sdml.experiment import read_experiment


def add_to(actions: Actions) -> None:
    """Add the action to the parser."""
    parser = action(
        actions,
        "compile",
        _run,
        summary="write the YAML that Kubeflow Pipelines takes",
        examples="python -m pipelines compile sweep --experiment my.yaml --output sweep.yaml",
    )
    pipeline_arguments(parser)
    parser.add_argument("--no-cache", action="store_true", help="skip nothing that was done before")
    parser.add_argument("--output", type=Path, metavar="FILE.yaml", help="NAME.yaml by default")


def _run(arguments: argparse.Namespace) -> int:
    from pipelines.compilation import compile_pipeline

    name = arguments.pipeline
    output = arguments.output or Path(f"{name}.yaml")
    experiment = read_experiment(arguments.experiment)
    if output.exists() and output.samefile(arguments.experiment):
        raise UserError(
            f"--output must not be the experiment file, got {output}"
            f"{'' if arguments.output else ' by default'}: name another file with --output"
        )
    compile_pipeline(
        name,
        experiment,
        modalities=arguments.modality,
        output=output,
        cache=not arguments.no_cache,
    )
    tell_notes(experiment)
    sys.stdout.write(f"{output}\n")
    return 0
