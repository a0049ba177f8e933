"""The table under the class posteriors as bars: a panel a family, a group for each size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.figures.bars import Bars
from benchmarks.figures.svg import svg


def figure(maps: Mapping[str, Mapping[str, Sequence[float]]]) -> bytes:
    """An SVG of means over seeds.

    Args:
        maps: ``<variant>, <similarity>`` → collection (``<family>-<samples of a class>``) → mAP@all
            of each seed.
    """
    means = {
        label: {name: float(np.mean(seeds)) for name, seeds in columns.items()}
        for label, columns in maps.items()
        if label.endswith(", posterior")
    }
    names = next(iter(means.values()))
    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(name.rpartition("-")[0], []).append(name)
    return svg([_panel(family, of, means) for family, of in families.items()])


def _panel(family: str, names: Sequence[str], means: Mapping[str, Mapping[str, float]]) -> Bars:
    return Bars(
        title=family,
        x_label="mAP@all",
        groups=[f"{name.rpartition('-')[2]} a class" for name in names],
        values={label: [of[name] for name in names] for label, of in means.items()},
    )
