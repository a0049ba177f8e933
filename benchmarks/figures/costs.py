"""Time and memory as in tables 6 and 7 of the SDML paper, measured by ``benchmarks.costs``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.costs.__main__ import in_child, measure
from benchmarks.costs.table import JOINT, Costs, markdown
from benchmarks.costs.work import Cost
from benchmarks.figures.bars import Bars
from benchmarks.figures.cells import Cell
from benchmarks.figures.page import Options, Page
from benchmarks.figures.svg import svg
from sdml.steps.context import Context


def page(options: Options) -> Page:
    """A bar for each way; one measurement, whatever the number of seeds."""
    costs = _costs(options.cells.get("costs", options.experiment, 0, _measured))
    ways = {
        **{f"add {name}": cost for name, cost in costs.alone.items()},
        **{JOINT[way]: cost for way, cost in costs.joint.items()},
    }
    panels = [
        Bars(
            title=title,
            x_label=label,
            groups=list(ways),
            values={"": [getattr(cost, name) for cost in ways.values()]},
        )
        for name, title, label in (
            ("cpu_seconds", f"{costs.epochs} epochs, one thread", "CPU seconds"),
            ("mebibytes", "memory above the start", "MiB"),
        )
    ]
    return Page(figures={"costs": svg(panels)}, table=markdown(costs))


def _measured(context: Context) -> Cell:
    epochs = context.experiment.training.epochs
    with TemporaryDirectory() as folder:
        return asdict(measure(context.experiment, Path(folder), epochs, 1, in_child))


def _costs(cell: Cell) -> Costs:
    return Costs(
        epochs=cell["epochs"],
        threads=cell["threads"],
        alone={name: Cost(**cost) for name, cost in cell["alone"].items()},
        joint={way: Cost(**cost) for way, cost in cell["joint"].items()},
    )
