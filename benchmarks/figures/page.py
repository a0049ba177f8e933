"""What a page is made from, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.figures.cells import Cells
from sdml.experiment import Experiment


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is asked for.

    Attributes:
        experiment: as it is to be trained.
        seeds: how many, from 0.
        methods: of a page that compares methods.
        cells: where finished work is kept.
    """

    experiment: Experiment
    seeds: int
    methods: Sequence[str]
    cells: Cells


@dataclass(frozen=True, kw_only=True)
class Page:
    """SVG figures by the part of their file name that tells them apart, and a Markdown table."""

    figures: Mapping[str, bytes]
    table: str
