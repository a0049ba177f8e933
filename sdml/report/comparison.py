"""The comparison of several reports: its rows, and a page that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template

from sdml.report.chart import svg_chart
from sdml.report.lines import Line, Panel


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A mean, with the sample's standard deviation where there are several values."""

    mean: float
    deviation: float | None

    def __str__(self) -> str:
        spread = "" if self.deviation is None else f" ± {self.deviation:.3f}"
        return f"{self.mean:.3f}{spread}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way of training, evaluated with one or several seeds under one similarity.

    ``other`` names the settings, beside λ and method, in which it differs from another row.
    """

    lambda_: str
    method: str
    similarity: str
    modalities: tuple[str, ...]
    other: str
    seeds: int
    map: Figure
    chance: float
    pairs: dict[str, Figure]
    reports: tuple[str, ...]


def columns(rows: Sequence[Row]) -> list[str]:
    """Headings of the columns that tell the rows apart, and of the figures."""
    shown = ["λ", "method", "similarity"]
    if len({row.modalities for row in rows}) > 1:
        shown.append("modalities")
    if any(row.other for row in rows):
        shown.append("other settings")
    return [*shown, "seeds", "mean mAP", "chance"]


def cells(row: Row, shown: Sequence[str]) -> list[str]:
    """The row's cells under those headings."""
    texts = {
        "λ": row.lambda_,
        "method": row.method,
        "similarity": row.similarity,
        "modalities": " ".join(row.modalities),
        "other settings": row.other,
        "seeds": str(row.seeds),
        "mean mAP": str(row.map),
        "chance": f"{row.chance:.3f}",
    }
    return [texts[name] for name in shown]


def pair_names(rows: Sequence[Row]) -> list[str]:
    """The directions of all rows."""
    return list(dict.fromkeys(name for row in rows for name in row.pairs))


def comparison_page(rows: Sequence[Row], *, title: str) -> bytes:
    """One HTML file, for a phone or a desk, in light or dark. Every given text is escaped."""
    folder = files("sdml.report")
    page = Template(folder.joinpath("comparison.html").read_text(encoding="utf-8")).substitute(
        title=escape(title),
        style=folder.joinpath("style.css").read_text(encoding="utf-8"),
        table=_table(rows),
        chart=_chart(rows),
    )
    return page.encode()


def _table(rows: Sequence[Row]) -> str:
    shown, pairs = columns(rows), pair_names(rows)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in [*shown, *pairs])
    body = []
    for row in rows:
        texts = "".join(
            f'<td style="--v:{100 * row.map.mean:.0f}%">{escape(text)}</td>'
            if name == "mean mAP"
            else f'<td class="side">{escape(text)}</td>'
            for name, text in zip(shown, cells(row, shown), strict=True)
        )
        figures = "".join(
            f'<td style="--v:{100 * row.pairs[name].mean:.0f}%">{row.pairs[name]}</td>'
            if name in row.pairs
            else '<td class="own">–</td>'
            for name in pairs
        )
        body.append(f"<tr>{texts}{figures}</tr>")
    return (
        f'<div class="scroll"><table class="heat"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _chart(rows: Sequence[Row]) -> str:
    """Mean mAP over λ, a line for each way of training that has several."""
    lines: dict[str, list[tuple[float, float]]] = {}
    several = len({row.modalities for row in rows}) > 1
    for row in rows:
        try:
            weight = float(row.lambda_)
        except ValueError:  # modalities with λ of their own
            continue
        parts = [row.method, row.similarity, " ".join(row.modalities) if several else "", row.other]
        name = ", ".join(part for part in parts if part)
        lines.setdefault(name, []).append((weight, row.map.mean))
    drawn = tuple(
        Line(label=name, color=color, x=tuple(x), y=tuple(y))
        for color, (name, points) in enumerate(lines.items())
        if len(points) > 1
        for x, y in [zip(*sorted(points), strict=True)]
    )
    if not drawn:
        return ""
    panel = Panel(title="mAP over λ", x_label="λ", y_label="mean mAP", lines=drawn, unit=False)
    return f'<section><h2>λ</h2><div class="charts">{svg_chart(panel)}</div></section>'
