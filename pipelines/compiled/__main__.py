"""``python -m pipelines.compiled``: compile the kept pipelines again."""

from __future__ import annotations

import sys
from pathlib import Path

from pipelines.compilation import compile_pipeline
from pipelines.compiled import FILES
from sdml.experiment import read_experiment


def main(folder: Path) -> None:
    """Write every kept pipeline into a folder."""
    here = Path(__file__).parent
    for output, (name, source) in FILES.items():
        # As on any machine: what the environment says must not be compiled in.
        experiment = read_experiment(here / source, environment={})
        compile_pipeline(name, experiment, modalities=None, output=folder / output)
        sys.stdout.write(f"{folder / output}\n")


if __name__ == "__main__":
    main(Path(__file__).parent)
