"""SDML where training samples are few: presets and their parts on small collections.

``python -m benchmarks.few_samples --group presets --part test --seeds 5`` fills a table of mAP@all,
one row a variant, one column a collection. Every finished cell is a line of ``cells.jsonl`` in
``--output`` and is not computed again. Settings are compared on the ``choice`` part (the default);
``test`` is for what was chosen.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.few_samples.all_collections import CHOSEN_BY, FAMILIES, collection
from benchmarks.few_samples.cell import run
from benchmarks.few_samples.collection import PARTS
from benchmarks.few_samples.variants import GROUPS, Variant
from benchmarks.peers.table import spread
from sdml.errors import SDMLError

Cells = dict[str, dict[str, Any]]
Maps = dict[str, dict[str, list[float]]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cells that are missing and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.few_samples", description=__doc__)
    parser.add_argument("--group", choices=GROUPS, default="presets")
    parser.add_argument("--only", nargs="*", metavar="VARIANT", default=[])
    parser.add_argument("--family", nargs="*", choices=FAMILIES, default=list(CHOSEN_BY))
    parser.add_argument("--per-class", nargs="*", type=int, default=[20, 40, 80])
    parser.add_argument("--epochs", type=int, help="instead of the 200 of both presets")
    parser.add_argument("--part", choices=PARTS, default="choice")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(".sdml/few_samples"), metavar="DIR")
    parser.add_argument("--figure", type=Path, metavar="FILE.svg", help="posterior, as bars, too")
    chosen = parser.parse_args(argv)
    names = [f"{family}-{count}" for count in chosen.per_class for family in chosen.family]
    group = GROUPS[chosen.group]
    variants = {n: v for n, v in group.items() if not chosen.only or n in chosen.only}
    if chosen.epochs:
        variants = {n: v and v.shorter(chosen.epochs) for n, v in variants.items()}
    chosen.output.mkdir(parents=True, exist_ok=True)
    file = chosen.output / "cells.jsonl"
    try:
        cells = _filled(file, names, variants, range(chosen.seeds), chosen.part)
    except SDMLError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    maps = maps_of(cells, names, variants, range(chosen.seeds), chosen.part)
    if chosen.figure:
        from benchmarks.few_samples.figure import figure  # matplotlib is slow to import

        chosen.figure.parent.mkdir(parents=True, exist_ok=True)
        chosen.figure.write_bytes(figure(maps))
    print(table(maps, names))
    return 0


def _filled(
    file: Path,
    names: Sequence[str],
    variants: dict[str, Variant | None],
    seeds: Sequence[int],
    part: Any,
) -> Cells:
    """The cells of a file, after those that were missing have been appended to it."""
    lines = file.read_text().splitlines() if file.exists() else []
    cells: Cells = {cell["key"]: cell for cell in map(json.loads, lines)}
    for seed in seeds:
        for name in names:
            for label, variant in variants.items():
                key = key_of(label, variant, name, seed, part)
                if key in cells:
                    continue
                made = run(collection(name, seed, file.parent), variant, seed=seed, part=part)
                cells[key] = {"key": key, **made}
                with file.open("a") as end:
                    end.write(json.dumps(cells[key]) + "\n")
                print(key, made, file=sys.stderr)
    return cells


def key_of(label: str, variant: Variant | None, name: str, seed: int, part: str) -> str:
    """What identifies a cell."""
    said = [dict(variant.subspace), dict(variant.training)] if variant else []
    return json.dumps([label, said, name, seed, part])


def maps_of(
    cells: Cells,
    names: Sequence[str],
    variants: dict[str, Variant | None],
    seeds: Sequence[int],
    part: str,
) -> Maps:
    """mAP of each seed: ``<variant>, <similarity>`` → collection; where the variant has it."""
    found: Maps = {}
    for label, variant in variants.items():
        every = {
            name: [cells[key_of(label, variant, name, seed, part)]["maps"] for seed in seeds]
            for name in names
        }
        for similarity in ("posterior", "cosine"):
            if all(similarity in maps for column in every.values() for maps in column):
                found[f"{label}, {similarity}"] = {
                    name: [maps[similarity] for maps in column] for name, column in every.items()
                }
    return found


def table(maps: Maps, names: Sequence[str]) -> str:
    """Markdown: a row for each variant and similarity, mean ± standard deviation over seeds."""
    lines = ["| mAP@all | mean | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for label, columns in maps.items():
        every = np.array([columns[name] for name in names])
        entries = [f"{every.mean():.3f}", *(spread(column) for column in every)]
        lines.append(f"| {label} | " + " | ".join(entries) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
