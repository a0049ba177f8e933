"""Noise in the sizes of PKU XMedia, whose features may not be shipped, and its experiment file.

``python -m benchmarks.costs.stand_in FOLDER``: five modalities of unequal size (table 1 of the SDML
paper), for what a training costs, which does not depend on the values. Retrieval from it means
nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

from benchmarks.speed.modalities_process import CLASSES, SHAPES


def main(argv: Sequence[str] | None = None) -> int:
    """Write all files; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.costs.stand_in", description=__doc__
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to write")
    folder: Path = parser.parse_args(argv).folder
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    for name, shapes in SHAPES.items():
        sizes = (shapes.samples, shapes.validation, shapes.validation)  # as many to test
        features_ND = draw.standard_normal((sum(sizes), shapes.features), dtype=np.float32)
        np.savez(
            folder / f"{name}.npz",
            X=features_ND,
            y=np.arange(sum(sizes)) % CLASSES,
            split=np.repeat(np.arange(3), sizes),
        )
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(_experiment(), sort_keys=False), encoding="utf-8")
    print(path)
    return 0


def _experiment() -> dict[str, object]:
    return {
        "collection": "xmedia-sizes",
        "store": ".sdml/store",
        "tracking": None,
        "training": {"preset": "sdml-reference"},
        "modalities": {name: {"source": f"{name}.npz"} for name in SHAPES},
    }


if __name__ == "__main__":
    sys.exit(main())
