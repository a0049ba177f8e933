"""Losses and mAP over the epochs, as figure 6 of the SDML paper.

The networks are trained by the product's own loop; after some epochs the encoder as it then is
(not the best so far) embeds the test split. Nothing is selected by it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.figures import table
from benchmarks.figures.cells import Cell
from benchmarks.figures.page import Options, Page
from benchmarks.figures.scores import of_codes
from benchmarks.figures.shown import Shown
from benchmarks.figures.svg import svg
from benchmarks.figures.watched import watched
from sdml.report.lines import Line, Panel, loss_panels
from sdml.steps.context import Context, read_subspace
from sdml.steps.plan import planned
from sdml.steps.prepare import prepare
from sdml.steps.train import settings_of
from sdml.training.history import history_to_json

_MARKS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 60, 80, 100, 150, 200, 300, 400, 500)


def page(options: Options) -> Page:
    """Losses of the first seed, mAP of all."""
    experiment = options.experiment
    cells = [
        options.cells.get("convergence", experiment, seed, followed)
        for seed in range(options.seeds)
    ]
    histories = cells[0]["histories"]
    panels = [loss_panels(name, history) for name, history in histories.items()]
    losses = [Shown(panel=panel) for part in zip(*panels, strict=True) for panel in part]
    marks = list(cells[0]["scores"])
    values: dict[str, list[list[float]]] = {
        similarity: [[cell["scores"][mark][similarity]["mean"] for cell in cells] for mark in marks]
        for similarity in experiment.evaluation.similarity
    }
    body = [
        [mark, *(table.spread(by_mark[place]) for by_mark in values.values())]
        for place, mark in enumerate(marks)
    ]
    best = ", ".join(f"{name} {_best(history)}" for name, history in histories.items())
    return Page(
        figures={"convergence": svg([*losses, _retrieval(marks, values)])},
        table=f"{table.rows(['epoch', *values], body)}\n\nSelected epochs (seed 0): {best}.",
    )


def followed(context: Context) -> Cell:
    """The history of each modality, and the test scores after some epochs."""
    prepared = prepare(context)
    subspace = read_subspace(context.catalog, context.catalog.get(prepared.subspace))
    histories, codes = {}, {}
    for modality in context.experiment.modalities:
        plan = planned(context, modality, settings_of(context, modality, None), None)
        epochs = plan.settings.epochs
        marks = [*(mark for mark in _MARKS if mark < epochs), epochs]
        history, codes[modality] = watched(plan, "test", marks)
        histories[modality] = json.loads(history_to_json(history))
    return {
        "histories": histories,
        "scores": {
            str(mark): of_codes(
                context, {name: by[mark] for name, by in codes.items()}, subspace.projection_KC
            )
            for mark in marks
        },
    }


def _best(history: Sequence[Mapping[str, Any]]) -> int:
    return 1 + int(np.argmin([epoch["validation_supervised"] for epoch in history]))


def _retrieval(marks: Sequence[str], values: Mapping[str, list[list[float]]]) -> Shown:
    lines = tuple(
        Line(
            label=similarity,
            color=color,
            x=tuple(map(float, marks)),
            y=tuple(table.mean(seeds) for seeds in by_mark),
        )
        for color, (similarity, by_mark) in enumerate(values.items())
    )
    spreads = [[table.deviation(seeds) for seeds in by_mark] for by_mark in values.values()]
    panel = Panel(
        title="test: mean over all directions",
        x_label="epoch",
        y_label="mAP@all",
        unit=False,
        lines=lines,
    )
    return Shown(panel=panel, spreads=spreads, low=0)
