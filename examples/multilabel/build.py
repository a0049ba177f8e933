"""Build the multi-label collection: ``python -m examples.multilabel.build [--size coco]``.

Writes ``image.h5``, ``text.h5`` (X, y, split) and ``build.json`` with the ceiling: the mAP of
ranking by the true probability of relevance, both ways, over a sample of the test queries.
Features are written in blocks, so the large size needs no more memory than the small one.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

import h5py
import numpy as np

from examples.multilabel.ceiling import ceiling
from examples.multilabel.model import draw_features, draw_labels, modality, posteriors, prevalences
from sdml.errors import DataError, SDMLError

logger = logging.getLogger(__name__)

DEFAULT_OUTPUT = Path(__file__).with_name("data")
MARKER = "build.json"
_BLOCK = 4096
_EVIDENCE = MappingProxyType({"image": 1.5, "text": 2.0})


@dataclass(frozen=True, kw_only=True)
class Size:
    """Classes, labels an item, samples of train, validation and test, features, queries judged."""

    classes: int
    labels_an_item: float
    samples: tuple[int, int, int]
    features: Mapping[str, int]
    queries: int


SIZES = MappingProxyType(
    {
        "small": Size(
            classes=12,
            labels_an_item=2.0,
            samples=(1500, 300, 600),
            features={"image": 128, "text": 64},
            queries=600,
        ),
        # MS-COCO as in SDML (SIGIR 2019, table 1); 2.9 labels an item as in the data set itself
        "coco": Size(
            classes=80,
            labels_an_item=2.9,
            samples=(82_081, 10_000, 30_137),
            features={"image": 4096, "text": 300},
            queries=1000,
        ),
    }
)


def build(output: Path, size: Size, *, seed: int = 0) -> dict[str, float]:
    """Write the collection to ``output``; an earlier build there is replaced.

    Args:
        output: the folder to make.
        size: of everything.
        seed: of everything.

    Returns:
        The ceiling of each direction; the same stands in ``build.json``.

    Raises:
        DataError: ``output`` exists and was not made by this function.
    """
    if output.exists() and not (output / MARKER).is_file():
        raise DataError(
            f"the output must be a new folder or an earlier build, but {output} exists and holds "
            f"no {MARKER}: name another folder with --output"
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    prevalence_C = prevalences(size.classes, size.labels_an_item)
    split = np.repeat(np.arange(3, dtype=np.int8), size.samples)
    labels = draw_labels(len(split), prevalence_C, generator)
    held = {}
    with tempfile.TemporaryDirectory(prefix=f"{output.name}.", dir=output.parent) as scratch:
        partial = Path(scratch) / "new"
        partial.mkdir()
        for name, features in size.features.items():
            shown = modality(features, _EVIDENCE[name], size.classes, generator)
            known = []
            with h5py.File(partial / f"{name}.h5", "w") as file:
                file["y"], file["split"] = labels, split
                x = file.create_dataset("X", (len(split), features), dtype=np.float32)
                for start in range(0, len(split), _BLOCK):
                    rows = slice(start, start + _BLOCK)
                    x[rows] = block = draw_features(labels[rows], shown, generator)
                    known.append(posteriors(block[split[rows] == 2], shown, prevalence_C))
            held[name] = np.concatenate(known)
        reached = ceiling(held, labels[split == 2], queries=size.queries, seed=seed)
        told = {"seed": seed, "size": {**asdict(size), "features": dict(size.features)}}
        marker = json.dumps({**told, "ceiling": reached}, indent=2) + "\n"
        (partial / MARKER).write_text(marker, encoding="utf-8")
        if output.exists():
            output.rename(Path(scratch) / "old")
        partial.rename(output)
    return reached


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code of :mod:`sdml.errors`."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.multilabel.build", description=__doc__
    )
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="folder to make")
    parser.add_argument("--size", choices=sorted(SIZES), default="small")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if options.seed < 0:
        parser.error(f"a seed must be at least 0, not {options.seed}")
    try:
        reached = build(options.output, SIZES[options.size], seed=options.seed)
    except SDMLError as error:
        logger.error("error: %s", error)
        return error.exit_code
    for direction, value in reached.items():
        logger.info("ceiling of mAP@all, %s: %.3f", direction, value)
    return 0


if __name__ == "__main__":
    sys.exit(main())
