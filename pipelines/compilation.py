"""Compiles a pipeline to the YAML that Kubeflow Pipelines takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kfp import compiler

from pipelines.catalogue import BUILDERS, arguments_for
from sdml.experiment import Experiment


def compile_pipeline(
    name: str, experiment: Experiment, *, modalities: Sequence[str] | None, output: Path
) -> None:
    """Write the compiled pipeline; the experiment becomes the parameters' default values.

    Raises:
        ExperimentError: the file has no such modality.
    """
    arguments = arguments_for(name, experiment, modalities=modalities)
    output.parent.mkdir(parents=True, exist_ok=True)
    compiler.Compiler().compile(
        BUILDERS[name](None), package_path=str(output), pipeline_parameters=arguments
    )
