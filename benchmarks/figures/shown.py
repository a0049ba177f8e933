"""A panel of lines, as the report draws it, with bars for the spread over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sdml.report.figures import PALETTE, draw
from sdml.report.lines import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROOM = 4  # lines whose names have room among them; more stand beside


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A panel; ``spreads`` has the half height of a bar at each point of each line, or nothing."""

    panel: Panel
    spreads: Sequence[Sequence[float]] = ()
    low: float | None = None
    high: float | None = None

    def draw(self, axes: Axes) -> None:
        """Lines, and bars where there is a spread."""
        draw(axes, self.panel)
        for line, sizes in zip(self.panel.lines, self.spreads, strict=False):
            if any(sizes):
                axes.errorbar(
                    line.x,
                    line.y,
                    yerr=np.array(sizes),
                    fmt="none",
                    ecolor=PALETTE[line.color % len(PALETTE)],
                    elinewidth=1,
                    capsize=2,
                )
        axes.set_ylim(self.low, self.high)
        if len(self.panel.lines) > _ROOM:
            axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
