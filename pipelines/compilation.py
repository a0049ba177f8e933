"""Compiles a pipeline to the YAML that Kubeflow Pipelines takes."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

from kfp import compiler

from pipelines.catalogue import BUILDERS, arguments_for, plan_for
from sdml.errors import UserError
from sdml.experiment import Experiment

_MARK = "# PIPELINE DEFINITION"  # KFP begins every compiled file so
_DEFAULT = re.compile(r" \[Default: .*\](?=\n)")


def compile_pipeline(
    name: str,
    experiment: Experiment,
    *,
    modalities: Sequence[str] | None,
    output: Path,
    cache: bool = True,
) -> None:
    """Write the compiled pipeline; the experiment becomes the parameters' default values.

    The file appears whole or not at all. The same input gives the same bytes.

    Args:
        cache: whether unchanged preparations and trainings may be skipped.

    Raises:
        ExperimentError: the file has no such modality, or too few.
        UserError: ``output`` cannot be written, or is a file that is no compiled pipeline.
    """
    plan = plan_for(name, experiment, modalities=modalities, cache=cache)
    arguments = arguments_for(name, experiment, modalities=modalities, plan=plan)
    if not output.parent.is_dir():
        raise UserError(f"--output must lie in a folder that exists, got {output}: make the folder")
    if output.is_dir():
        raise UserError(f"--output must be a file, got the folder {output}: add a file name")
    try:
        _check_replaced(output)
        with tempfile.TemporaryDirectory(prefix=".sdml-", dir=output.parent) as folder:
            made = Path(folder) / "pipeline.yaml"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compiler.Compiler().compile(
                    BUILDERS[name](plan), package_path=str(made), pipeline_parameters=arguments
                )
            made.write_text(_without_defaults(made.read_text(encoding="utf-8")), encoding="utf-8")
            made.replace(output)
    except OSError as error:
        raise UserError(
            f"--output must be writable, got {output}: {error.strerror}: choose another place"
        ) from error


def _check_replaced(output: Path) -> None:
    """Only a compiled pipeline, or nothing, may be lost."""
    if not output.is_file():
        return
    with output.open("rb") as file:
        start = file.read(len(_MARK))
    if start and start != _MARK.encode():
        raise UserError(
            f"--output must be a new file or a compiled pipeline to replace, got {output}, which "
            "holds something else: name another file with --output"
        )


def _without_defaults(text: str) -> str:
    """The compiled file with no default values in its header comment.

    KFP writes them there in an order that differs from process to process. They stand in the
    definition below anyway.
    """
    lines = text.splitlines(keepends=True)
    end = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    return "".join([_DEFAULT.sub("", line) for line in lines[:end]] + lines[end:])
