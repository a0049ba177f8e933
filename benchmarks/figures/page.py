"""What a page is made from, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.figures.cells import Cells
from sdml.experiment import Experiment


@dataclass(frozen=True, kw_only=True)
class Options:
    """The experiment as it is to be trained, the seeds from 0, and where cells are kept."""

    experiment: Experiment
    seeds: int
    cells: Cells


@dataclass(frozen=True, kw_only=True)
class Page:
    """SVG figures by the part of their file name that tells them apart, and a Markdown table."""

    figures: Mapping[str, bytes]
    table: str
