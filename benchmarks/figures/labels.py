"""mAP against wrong and against hidden training labels, a line for each method.

Both are what ``prepare`` does to training labels by ``train_labels``: symmetric noise, and the
share of each class that loses its labels. Validation and test stay as they are. One seed draws
subspace, networks and damage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.figures import table
from benchmarks.figures.page import Options, Page
from benchmarks.figures.scores import PEER
from benchmarks.figures.settings import with_labels
from benchmarks.figures.shown import Shown
from benchmarks.figures.svg import svg
from benchmarks.figures.trained import ALL, scored
from sdml.experiment import Experiment
from sdml.report.lines import Line, Panel

SHARES: Mapping[str, Sequence[float]] = {
    "noise": (0.0, 0.2, 0.4, 0.6, 0.8),
    "hidden": (0.0, 0.5, 0.8, 0.9, 0.95),
}
_NAMES = {"noise": "wrong labels", "hidden": "labels hidden"}

Values = dict[str, dict[str, list[list[float]]]]  # similarity → method → share → seed


def page(options: Options) -> Page:
    """A panel for each kind of damage under each similarity, and a table for each kind."""
    found = {kind: _values(options, kind) for kind in SHARES}
    panels = [
        _panel(kind, similarity, found[kind][similarity])
        for similarity in found["noise"]
        for kind in SHARES
    ]
    tables = [_table(kind, found[kind]) for kind in SHARES]
    return Page(figures={"labels": svg(panels, columns=2)}, table="\n\n".join(tables))


def _values(options: Options, kind: str) -> Values:
    shares = SHARES[kind]
    cells = {
        (seed, share, method): scored(
            options.cells, _damaged(options, kind, share, seed), method, seed
        )
        for seed in range(options.seeds)
        for share in shares
        for method in options.methods
    }
    return {
        similarity: {
            method: [
                [cells[seed, share, method][similarity]["mean"] for seed in range(options.seeds)]
                for share in shares
            ]
            for method in options.methods
            if similarity in cells[0, shares[0], method]
        }
        for similarity in options.experiment.evaluation.similarity
    }


def _damaged(options: Options, kind: str, share: float, seed: int) -> Experiment:
    damage = {"noise": 0.0, "hidden": 0.0, kind: share}
    return with_labels(
        options.experiment, noise=damage["noise"], hidden=damage["hidden"], seed=seed
    )


def _panel(kind: str, similarity: str, by_method: Mapping[str, list[list[float]]]) -> Shown:
    lines = tuple(
        Line(
            label=method,
            color=ALL.index(method),
            x=tuple(100 * share for share in SHARES[kind]),
            y=tuple(table.mean(seeds) for seeds in by_share),
            dashed=method == PEER,
        )
        for method, by_share in by_method.items()
    )
    spreads = [[table.deviation(seeds) for seeds in by_share] for by_share in by_method.values()]
    panel = Panel(
        title=f"{_NAMES[kind]} ({similarity})",
        x_label=f"% of training labels {'wrong' if kind == 'noise' else 'hidden'}",
        y_label="mAP@all",
        unit=False,
        lines=lines,
    )
    return Shown(panel=panel, spreads=spreads, low=0)


def _table(kind: str, values: Values) -> str:
    lines = [
        [f"{method}, {similarity}", *(table.spread(seeds) for seeds in by_share)]
        for similarity, by_method in values.items()
        for method, by_share in by_method.items()
    ]
    return table.rows([_NAMES[kind], *(f"{share:.0%}" for share in SHARES[kind])], lines)
