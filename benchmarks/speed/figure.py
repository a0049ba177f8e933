"""One line of the table: how often a peer's time fits what sdml needs for the same work."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Options:
    """How much to measure.

    Attributes:
        quick: fewer rounds and smaller work; the figures are rough.
        threads: that both sides may use; never more than the cores.
    """

    quick: bool
    threads: int


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What paired, interleaved rounds gave.

    Attributes:
        name: of the work, as ``4096-d, fp32, 1 thread``.
        peer: what sdml is measured against, as ``the released code's step``.
        ratios: one a round, the first and warming one left out: the peer's time over ours for the
            same work. Above 1, sdml is the faster one.
        ours: median of our time (or memory), in ``unit``.
        theirs: median of the peer's, in ``unit``.
        unit: of both.
        bar: what the ratio must reach at least; None where it is only reported.
        ceiling: the share of the measured ceiling that sdml reaches, 0 … 1; None if there is none.
        also: whatever else was seen, by name: differences, megabytes, recall.
    """

    name: str
    peer: str
    ratios: tuple[float, ...]
    ours: float
    theirs: float
    unit: str
    bar: float | None = None
    ceiling: float | None = None
    also: Mapping[str, float | int | str] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """The median of the rounds; NaN of none."""
        return statistics.median(self.ratios) if self.ratios else math.nan

    def as_json(self) -> dict[str, Any]:
        """Everything, with the median and the range of the ratios."""
        spread = {"lowest": min(self.ratios), "highest": max(self.ratios)} if self.ratios else {}
        return {**asdict(self), "ratio": self.ratio, **spread}


def paired(
    name: str,
    *,
    peer: str,
    ours: list[float],
    theirs: list[float],
    unit: str,
    bar: float | None = None,
    ceiling: float | None = None,
    also: Mapping[str, float | int | str] | None = None,
) -> Figure:
    """A figure of equally many measurements of both sides, taken by turns.

    Raises:
        ValueError: they are not equally many.
    """
    return Figure(
        name=name,
        peer=peer,
        ratios=tuple(other / own for own, other in zip(ours, theirs, strict=True)),
        ours=statistics.median(ours),
        theirs=statistics.median(theirs),
        unit=unit,
        bar=bar,
        ceiling=ceiling,
        also=also or {},
    )
