"""A panel of curves as inline SVG, coloured by the page's style sheet for light and dark."""

from __future__ import annotations

import math
from html import escape

from sdml.report.lines import Panel

COLORS = 8
_WIDTH, _HEIGHT = 360, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 12, 40


def svg_chart(panel: Panel) -> str:
    """A figure element: heading, chart, legend. Every text is escaped."""
    xs = [x for line in panel.lines for x in line.x]
    ys = [y for line in panel.lines for y in line.y]
    x_ticks = _powers(min(xs), max(xs)) if panel.log else _ticks(min(xs), max(xs))
    y_ticks = _ticks(0.0, 1.0) if panel.unit else _ticks(min(ys), max(ys))
    bend = math.log10 if panel.log else float
    x_low, x_high = bend(min([*xs, x_ticks[0]])), bend(max([*xs, x_ticks[-1]]))
    y_low, y_high = y_ticks[0], y_ticks[-1]

    def place(x: float, y: float) -> tuple[float, float]:
        across = (bend(x) - x_low) / (x_high - x_low)
        up = (y - y_low) / (y_high - y_low)
        return (
            _LEFT + across * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM),
        )

    parts = []
    for tick in y_ticks:
        _, y = place(x_ticks[0], tick)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="end" x="{_LEFT - 7}" y="{y + 4:.1f}">{_short(tick)}</text>')
    for tick in x_ticks:
        x, _ = place(tick, y_low)
        parts.append(f'<text class="mid" x="{x:.1f}" y="{_HEIGHT - 23}">{_short(tick)}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text class="mid name" x="{middle}" y="{_HEIGHT - 5}">{escape(panel.x_label)}</text>'
    )
    if panel.mark is not None:
        x, _ = place(panel.mark, y_low)
        parts.append(f'<path class="mark" d="M{x:.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>')
    for line in panel.lines:
        points = [place(x, y) for x, y in zip(line.x, line.y, strict=True)]
        style = f"c{line.color % COLORS}" + (
            " dashed" if line.dashed or line.color >= COLORS else ""
        )
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline class="line {style}" points="{joined}"/>')
        if len(points) == 1:
            x, y = points[0]
            parts.append(f'<circle class="dot {style}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
    legend = "".join(
        f'<span><i class="key c{line.color % COLORS}'
        f'{" dashed" if line.dashed or line.color >= COLORS else ""}"></i>'
        f"{escape(line.label)}</span>"
        for line in panel.lines
    )
    if panel.mark is not None:
        legend += f'<span><i class="key best"></i>best epoch {panel.mark:g}</span>'
    label = escape(f"{panel.title}: {panel.y_label} over {panel.x_label}", quote=True)
    return (
        f"<figure><figcaption>{escape(panel.title)}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
        f'<div class="legend">{legend}</div></figure>'
    )


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers that enclose low…high.

    >>> _ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    size = max(abs(low), abs(high), 1.0)
    if high - low <= 1e-9 * size:
        low, high = low - 0.5 * size, low + 0.5 * size
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{place * step:.12g}") for place in range(first, last + 1)]


def _powers(low: float, high: float) -> list[float]:
    """The powers of ten from low on, at least two, none above high but the second.

    >>> _powers(1, 500)
    [1.0, 10.0, 100.0]
    """
    first = math.floor(math.log10(low))
    last = max(math.floor(math.log10(high)), first + 1)
    return [10.0**power for power in range(first, last + 1)]


def _short(value: float) -> str:
    return f"{value:.4g}"
