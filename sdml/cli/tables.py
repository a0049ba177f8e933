"""The mAP table that a person reads: queries down, galleries across, the mean, chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table


def map_table(pairs: Sequence[Mapping[str, Any]], similarity: str) -> Table:
    """mAP@all of every ordered pair; the chance level of a pair stands beside its value."""
    galleries = list(dict.fromkeys(pair["gallery"] for pair in pairs))
    queries = list(dict.fromkeys(pair["query"] for pair in pairs))
    value = {(pair["query"], pair["gallery"]): pair for pair in pairs}
    table = Table(title=f"mAP@all, {similarity} (chance in brackets)", title_justify="left")
    table.add_column("query ↓  gallery →")
    for name in (*sorted(galleries), "mean"):
        table.add_column(name, justify="right")
    for query in sorted(queries):
        row = [value.get((query, gallery)) for gallery in sorted(galleries)]
        table.add_row(query, *(_cell(p) for p in row), _mean([p for p in row if p]))
    table.add_section()
    columns = [[p for p in pairs if p["gallery"] == g] for g in sorted(galleries)]
    table.add_row("mean", *(_mean(column) for column in columns), _mean(pairs))
    return table


def _cell(pair: Mapping[str, Any] | None) -> str:
    return "–" if pair is None else f"{pair['map']:.3f} ({pair['chance']:.3f})"


def _mean(pairs: Sequence[Mapping[str, Any]]) -> str:
    if not pairs:
        return "–"
    mean = sum(pair["map"] for pair in pairs) / len(pairs)
    chance = sum(pair["chance"] for pair in pairs) / len(pairs)
    return f"{mean:.3f} ({chance:.3f})"
