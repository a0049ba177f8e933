"""Precision at recall and at scope of each method, as figures 2 and 3 of the SDML paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.figures import table
from benchmarks.figures.page import Options, Page
from benchmarks.figures.scores import PEER
from benchmarks.figures.shown import Shown
from benchmarks.figures.svg import svg
from benchmarks.figures.trained import scored
from sdml.report.lines import Line, Panel
from sdml.retrieval.curves import RECALL_LEVELS

_SCOPES = (1, 10, 100, 400)


def page(options: Options) -> Page:
    """A panel for each direction, in both figures; means over seeds."""
    every: dict[str, list[Mapping[str, Any]]] = {}
    for method in options.methods:
        for seed in range(1 if method == PEER else options.seeds):
            scores = scored(options.cells, options.experiment, method, seed)
            for similarity, one in scores.items():
                every.setdefault(f"{method}, {similarity}", []).append(one)
    directions = list(next(iter(every.values()))[0]["pairs"])
    return Page(
        figures={
            kind: svg([_panel(every, name, kind) for name in directions])
            for kind in ("recall", "scope")
        },
        table=_table(every, directions),
    )


def _panel(every: Mapping[str, Sequence[Mapping[str, Any]]], name: str, kind: str) -> Shown:
    lines = []
    for color, (label, seeds) in enumerate(every.items()):
        pairs = [one["pairs"][name] for one in seeds]
        y = np.mean([pair[kind] for pair in pairs], axis=0)
        x = pairs[0]["scopes"] if kind == "scope" else RECALL_LEVELS
        lines.append(
            Line(label=label, color=color, x=tuple(x), y=tuple(y), dashed=label.startswith(PEER))
        )
    scope = kind == "scope"
    panel = Panel(
        title=name.replace(" to ", " → "),
        x_label="items shown (K)" if scope else "recall",
        y_label="precision",
        lines=tuple(lines),
        log=scope,
    )
    return Shown(panel=panel, low=0)


def _table(every: Mapping[str, Sequence[Mapping[str, Any]]], directions: Sequence[str]) -> str:
    """Precision at some scopes, mean over all directions."""
    first = next(iter(every.values()))[0]["pairs"][directions[0]]["scopes"]
    scopes = [scope for scope in _SCOPES if scope in first]
    lines = []
    for label, seeds in every.items():
        columns = [[float(one["mean"]) for one in seeds]]
        for scope in scopes:
            place = first.index(scope)
            columns.append(
                [
                    table.mean([one["pairs"][name]["scope"][place] for name in directions])
                    for one in seeds
                ]
            )
        lines.append([label, *(table.spread(values) for values in columns)])
    return table.rows(["", "mAP@all", *(f"P@{scope}" for scope in scopes)], lines)
