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
    """A panel for each direction, a group of bars for each method, the ceiling over all."""
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
    panels = [
        Bars(
            title=name,
            x_label="mAP@all",
            groups=list(options.methods),
            values={
                similarity: [
                    _shown(values.get(f"{method}, {similarity}"), place)
                    for method in options.methods
                ]
                for similarity in options.experiment.evaluation.similarity
            },
            marks={
                "ceiling": [best] * len(options.methods),
                "chance": [chance[place]] * len(options.methods),
            },
        )
        for place, (name, best) in enumerate(zip(names, ceiling.values(), strict=True))
    ]
    lines = [
        [label, *(table.spread(v) for v in columns), _mean(columns)]
        for label, columns in values.items()
    ]
    best = list(ceiling.values())
    lines.append(["ceiling", *(f"{value:.3f}" for value in best), f"{table.mean(best):.3f}"])
    lines.append(["chance", *(f"{value:.3f}" for value in chance), f"{table.mean(chance):.3f}"])
    return Page(
        figures={"multi-label": svg(panels, columns=2)},
        table=table.rows(["mAP@all", *names, "mean"], lines),
    )


def _shown(columns: list[list[float]] | None, place: int) -> float:
    """Over seeds, in one direction; no bar where a method is not ranked so."""
    return table.mean(columns[place]) if columns else float("nan")


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
