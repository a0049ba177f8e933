"""The mAP table that a person reads: queries down, galleries across, the mean, chance."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rich.table import Table


def map_table(pairs: Sequence[Mapping[str, Any]], similarity: str) -> Table:
    """mAP@all of every ordered pair, the means, and the chance level of each row and column.

    Of a sample of the queries, each pair has half the width of its 95 % interval beside it.
    """
    galleries = sorted({pair["gallery"] for pair in pairs})
    queries = sorted({pair["query"] for pair in pairs})
    table = Table(title=f"mAP@all, {similarity}", title_justify="left")
    table.add_column("query \\ gallery", no_wrap=True)
    for name in (*galleries, "mean", "chance"):
        table.add_column(name, justify="right", no_wrap=True)
    for query in queries:
        row = {pair["gallery"]: pair for pair in pairs if pair["query"] == query}
        cells = [_cell(row[g]) if g in row else "–" for g in galleries]
        table.add_row(query, *cells, _mean(row.values(), "map"), _mean(row.values(), "chance"))
    table.add_section()
    columns = [[pair for pair in pairs if pair["gallery"] == g] for g in galleries]
    for name, key in (("mean", "map"), ("chance", "chance")):
        cells = [_mean(column, key) for column in columns]
        last = (_mean(pairs, "map"), "") if key == "map" else ("", _mean(pairs, "chance"))
        table.add_row(name, *cells, *last)
    return table


def _cell(pair: Mapping[str, Any]) -> str:
    reach = f" ±{(pair['high'] - pair['low']) / 2:.3f}" if "low" in pair else ""
    return f"{pair['map']:.3f}{reach}"


def _mean(pairs: Collection[Mapping[str, Any]], key: str) -> str:
    return f"{sum(pair[key] for pair in pairs) / len(pairs):.3f}" if pairs else "–"
