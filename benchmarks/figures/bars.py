"""Groups of horizontal bars, one bar of each colour in each group; a mark over a whole group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from sdml.report.figures import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLES: tuple[Literal["-", ":"], ...] = ("-", ":")


@dataclass(frozen=True, kw_only=True)
class Bars:
    """``values`` by the bars' label, one a group; two ``marks`` at most, likewise.

    ``single``: each group has a value under one label only, and NaN under the others.
    """

    title: str
    x_label: str
    groups: Sequence[str]
    values: Mapping[str, Sequence[float]]
    marks: Mapping[str, Sequence[float]] = field(default_factory=dict)
    single: bool = False

    def draw(self, axes: Axes) -> None:
        """The first group and the first bar stand at the top."""
        places = np.arange(len(self.groups), dtype=float)
        beside = 1 if self.single else len(self.values)
        height = 0.8 / beside
        for number, (label, values) in enumerate(self.values.items()):
            axes.barh(
                places - 0.4 + (number % beside + 0.5) * height,
                np.array(values),
                height=height * 0.9,
                label=label,
                color=PALETTE[number % len(PALETTE)],
            )
        for style, (label, values) in zip(_STYLES, self.marks.items(), strict=False):
            ends = places - 0.45, places + 0.45
            axes.vlines(np.array(values), *ends, colors="#22262b", linestyles=style, label=label)
        axes.invert_yaxis()
        axes.set_yticks(places, list(self.groups))
        axes.set_title(self.title, fontsize=10.5)
        axes.set_xlabel(self.x_label)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(length=0, labelsize=9)
        axes.grid(axis="x", color="#e3e6ea", linewidth=0.8)
        axes.set_axisbelow(True)
        if len(self.values) > 1 or self.marks:
            axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
