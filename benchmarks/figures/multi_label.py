"""Every method on a generated collection of several labels, beside the best that is possible.

The builder of the collection leaves the ceiling beside its files (``examples/multilabel``): the mAP
of ranking by the true probability that two items share a class.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.figures import table
from benchmarks.figures.bars import Bars
from benchmarks.figures.page import Options, Page
from benchmarks.figures.scores import PEER
from benchmarks.figures.svg import svg
from benchmarks.figures.trained import scored
from sdml.errors import UserError
from sdml.experiment import Experiment


def page(options: Options) -> Page:
    """A group of bars for each direction, the ceiling over it."""
    ceiling = _ceiling(options.experiment)
    values: dict[str, list[list[float]]] = {}
    chance: list[float] = []
    for method in options.methods:
        seeds = range(1 if method == PEER else options.seeds)
        every = [scored(options.cells, options.experiment, method, seed) for seed in seeds]
        for similarity in every[0]:
            pairs = [one[similarity]["pairs"] for one in every]
            values[f"{method}, {similarity}"] = [
                [one[name]["map"] for one in pairs] for name in ceiling
            ]
            chance = [every[0][similarity]["chance"]] * len(ceiling)
    names = [name.replace(" to ", " → ") for name in ceiling]
    panel = Bars(
        title="",
        x_label="mAP@all",
        groups=names,
        values={label: [table.mean(v) for v in columns] for label, columns in values.items()},
        marks={"ceiling": list(ceiling.values()), "chance": chance},
    )
    lines = [
        [label, *(table.spread(v) for v in columns), _mean(columns)]
        for label, columns in values.items()
    ]
    best = list(ceiling.values())
    lines.append(["ceiling", *(f"{value:.3f}" for value in best), f"{table.mean(best):.3f}"])
    lines.append(["chance", *(f"{value:.3f}" for value in chance), f"{table.mean(chance):.3f}"])
    return Page(
        figures={"multi-label": svg([panel], columns=1)},
        table=table.rows(["mAP@all", *names, "mean"], lines),
    )


def _mean(columns: list[list[float]]) -> str:
    """Over directions, with its spread over seeds."""
    return table.spread([table.mean(seed) for seed in zip(*columns, strict=True)])


def _ceiling(experiment: Experiment) -> dict[str, float]:
    source = Path(next(iter(experiment.modalities.values())).source)
    file = source.with_name("build.json")
    try:
        ceiling = json.loads(file.read_text(encoding="utf-8"))["ceiling"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"a ceiling must stand in {file}, but cannot be read there ({error!r}): build the "
            "collection with python -m examples.multilabel.build"
        ) from error
    return {str(name): float(value) for name, value in ceiling.items()}
