"""A cost as a line: a constant, and a price for each unit of work, from two measured sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Line:
    """``seconds = constant + price · work``, and how far it was off at a third size.

    ``sizes`` and ``seconds`` are those fitted, and last the one that was not seen.
    """

    name: str
    unit: str
    sizes: tuple[int, int, int]
    seconds: tuple[float, float, float]
    work: tuple[float, float, float]
    constant: float
    price: float

    def at(self, work: float) -> float:
        """Seconds foretold."""
        return self.constant + self.price * work

    @property
    def error(self) -> float:
        """Foretold over measured at the unseen size, less 1."""
        return self.at(self.work[2]) / self.seconds[2] - 1

    def as_json(self) -> dict[str, Any]:
        """Everything."""
        return {**asdict(self), "error": self.error}


def fitted(
    name: str,
    unit: str,
    sizes: tuple[int, int, int],
    work_of: Callable[[int], float],
    seconds_of: Callable[[int], float],
) -> Line:
    """Measure three sizes and fit the first two; a constant below zero is taken as none.

    Args:
        unit: of the work, for people.
        work_of: what a size costs by its formula.
        seconds_of: what it took.
    """
    work = (work_of(sizes[0]), work_of(sizes[1]), work_of(sizes[2]))
    seconds = (seconds_of(sizes[0]), seconds_of(sizes[1]), seconds_of(sizes[2]))
    price = (seconds[1] - seconds[0]) / (work[1] - work[0])
    constant = seconds[0] - price * work[0]
    if constant < 0:
        constant, price = 0.0, seconds[1] / work[1]
    return Line(
        name=name,
        unit=unit,
        sizes=sizes,
        seconds=seconds,
        work=work,
        constant=constant,
        price=price,
    )
