"""The figures as PNG, by matplotlib's objects: no pyplot, no state, no dates in the files."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sdml.report.document import History
from sdml.report.lines import Panel, loss_panels, recall_panels, scope_panels
from sdml.retrieval.cross_modal import CrossModalResult
from sdml.retrieval.similarity import Similarity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which people with colour blindness can tell apart.
PALETTE: tuple[str, ...] = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#7a5195",
    "#6b6b6b",
)
_INK = "#22262b"
_GRID = "#e3e6ea"
_DPI = 144


def figures(evaluation: CrossModalResult, histories: Mapping[str, History]) -> dict[str, bytes]:
    """All figures of a report by file name."""
    made: dict[str, bytes] = {}
    for similarity in evaluation.similarities:
        made[f"map_{similarity}.png"] = heat_map(evaluation, similarity)
        made[f"precision_recall_{similarity}.png"] = curve_grid(
            recall_panels(evaluation, similarity),
            f"Interpolated precision at recall ({similarity})",
        )
        made[f"precision_scope_{similarity}.png"] = curve_grid(
            scope_panels(evaluation, similarity), f"Precision among the first K ({similarity})"
        )
    losses = [panel for name in histories for panel in loss_panels(name, histories[name])]
    if losses:
        made["losses.png"] = curve_grid(losses, "Training", columns=2)
    return made


def heat_map(evaluation: CrossModalResult, similarity: Similarity) -> bytes:
    """mAP over the whole ranking: a row for each query modality, a column for each gallery."""
    names = evaluation.modalities
    count = len(names)
    values = [
        [
            evaluation.pair(query, gallery, similarity).map if query != gallery else float("nan")
            for gallery in names
        ]
        for query in names
    ]
    figure = _figure(2.6 + 0.95 * count, 1.75 + 0.72 * count)
    axes = figure.add_subplot()
    image = axes.imshow(values, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            own = row == column
            axes.text(
                column,
                row,
                "–" if own else f"{value:.3f}",
                ha="center",
                va="center",
                fontsize=11,
                color="#9aa1a9" if own else "white" if value > 0.55 else _INK,
            )
    labels = [_plain(name) for name in names]
    axes.set_xticks(range(count), labels)
    axes.set_yticks(range(count), labels)
    axes.set_xlabel("gallery")
    axes.set_ylabel("query")
    axes.tick_params(length=0)
    axes.set_xticks([place - 0.5 for place in range(1, count)], minor=True)
    axes.set_yticks([place - 0.5 for place in range(1, count)], minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.03)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    axes.set_title(
        f"mAP, {similarity}: mean {evaluation.mean_map(similarity):.3f}, "
        f"chance {evaluation.mean_chance():.3f}",
        fontsize=11.5,
        pad=10,
    )
    return _png(figure)


def curve_grid(panels: Sequence[Panel], title: str, *, columns: int = 3) -> bytes:
    """Panels in rows, at most ``columns`` wide."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure = _figure(0.4 + 3.7 * columns, 0.6 + 2.9 * rows)
    for place, panel in enumerate(panels, start=1):
        draw(figure.add_subplot(rows, columns, place), panel)
    figure.suptitle(title, fontsize=12.5, color=_INK)
    return _png(figure)


def draw(axes: Axes, panel: Panel) -> None:
    """A panel's lines, labels and legend on axes."""
    for line in panel.lines:
        axes.plot(
            line.x,
            line.y,
            label=_plain(line.label),
            color=PALETTE[line.color % len(PALETTE)],
            linestyle="--" if line.dashed or line.color >= len(PALETTE) else "-",
            linewidth=1.8,
            # A line of one point would be invisible.
            marker="o" if len(line.x) == 1 else None,
        )
    if panel.mark is not None:
        axes.axvline(
            panel.mark, color="#7d848c", linewidth=1, linestyle=":", label=f"best: {panel.mark:g}"
        )
    if panel.unit:
        axes.set_ylim(0, 1.02)
    if panel.log:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.tick_params(which="minor", length=0)
    axes.set_title(_plain(panel.title), fontsize=10.5)
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    axes.grid(color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#aab0b7")
    axes.tick_params(length=0, labelsize=9)
    axes.legend(frameon=False, fontsize=9)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Figure) -> bytes:
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": None})
    return data.getvalue()


def _plain(text: str) -> str:
    """Text that matplotlib shall not read as mathematics."""
    return text.replace("$", r"\$")
