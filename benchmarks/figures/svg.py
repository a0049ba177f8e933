"""Panels as one SVG: small, and the same bytes from the same figures.

White ground, so that it can be read on a dark page; text stays text; no date, no random ids.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STABLE: Any = {"svg.hashsalt": "sdml", "svg.fonttype": "none"}
_WIDTH, _HEIGHT = 3.7, 2.9


class Drawn(Protocol):
    """What has a pair of axes for itself."""

    def draw(self, axes: Axes) -> None:
        """Everything on the axes."""


def svg(
    panels: Sequence[Drawn], *, columns: int = 3, width: float = _WIDTH, height: float = _HEIGHT
) -> bytes:
    """Panels of a width and height in inches, in rows of at most ``columns``."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    with mpl.rc_context(_STABLE):
        size = (0.3 + width * columns, 0.2 + height * rows)
        figure = Figure(figsize=size, layout="constrained", facecolor="white")
        FigureCanvasSVG(figure)
        for place, panel in enumerate(panels, start=1):
            panel.draw(figure.add_subplot(rows, columns, place))
        _share_legend(figure)
        data = io.BytesIO()
        figure.savefig(data, format="svg", metadata={"Date": None, "Creator": None})
    lines = [line.rstrip() for line in data.getvalue().decode().splitlines()]
    return ("\n".join(lines) + "\n").encode()


def _share_legend(figure: Figure) -> None:
    """One legend below panels that have the same, which takes no room from them."""
    entries = [axes.get_legend_handles_labels() for axes in figure.axes]
    handles, labels = entries[0]
    legends = [legend for axes in figure.axes if (legend := axes.get_legend())]
    if len(legends) < 2 or any(other != labels for _, other in entries):
        return
    for legend in legends:
        legend.remove()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=min(3, len(labels)),
        frameon=False,
        fontsize=9,
    )
