"""Compiles a pipeline to the YAML that Kubeflow Pipelines takes."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

from kfp import compiler

from pipelines.catalogue import BUILDERS, arguments_for
from sdml.errors import UserError
from sdml.experiment import Experiment


def compile_pipeline(
    name: str, experiment: Experiment, *, modalities: Sequence[str] | None, output: Path
) -> None:
    """Write the compiled pipeline; the experiment becomes the parameters' default values.

    The file appears whole or not at all. The same input gives the same bytes.

    Raises:
        ExperimentError: the file has no such modality, or too few.
        UserError: ``output`` cannot be written.
    """
    arguments = arguments_for(name, experiment, modalities=modalities)
    if not output.parent.is_dir():
        raise UserError(f"--output must lie in a folder that exists, got {output}: make the folder")
    if output.is_dir():
        raise UserError(f"--output must be a file, got the folder {output}: add a file name")
    try:
        with tempfile.TemporaryDirectory(prefix=".sdml-", dir=output.parent) as folder:
            made = Path(folder) / "pipeline.yaml"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compiler.Compiler().compile(
                    BUILDERS[name](None), package_path=str(made), pipeline_parameters=arguments
                )
            made.replace(output)
    except OSError as error:
        raise UserError(
            f"--output must be writable, got {output}: {error.strerror}: choose another place"
        ) from error
