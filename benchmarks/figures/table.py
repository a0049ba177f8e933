"""Markdown tables and means over seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.peers.table import spread

__all__ = ["deviation", "mean", "rows", "spread"]


def rows(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    table = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in table)


def mean(values: Sequence[float]) -> float:
    """Over seeds."""
    return float(np.mean(values))


def deviation(values: Sequence[float]) -> float:
    """Over seeds; 0 of a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
