"""The table as Markdown: figures, published ones, costs, and the methods without figures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from benchmarks.peers.catalogue import CITED
from benchmarks.peers.published import PUBLISHED
from benchmarks.peers.runner import Cell, Row


def markdown(rows: Sequence[Row], modalities: Sequence[str], collection: str = "") -> str:
    """Tables of mAP@all, of what was published on ``collection``, of costs, of what was not run."""
    lines = [*_figures(rows, modalities), "", *_costs(rows), "", *_absent(rows)]
    if collection in PUBLISHED:
        lines += ["", *_published(collection, modalities)]
    return "\n".join(lines)


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Mean, and the standard deviation over seeds when there are several."""
    mean = f"{np.mean(values):.{digits}f}"
    return f"{mean} ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else mean


def _figures(rows: Sequence[Row], modalities: Sequence[str]) -> Iterator[str]:
    pairs = list(permutations(modalities, 2))
    heads = [f"{query} → {gallery}" for query, gallery in pairs]
    yield _line(["mAP@all", "mean", *heads])
    yield "|---" * (len(heads) + 2) + "|"
    keys = [f"{query} to {gallery}" for query, gallery in pairs]
    cells = [cell for row in rows for cell in row.cells]
    if cells:
        chance = [cells[0]["chance"][key] for key in keys]
        yield _line(["chance", spread([float(np.mean(chance))]), *(f"{c:.3f}" for c in chance)])
    for row in rows:
        for ranking in row.peer.rankings if row.cells else ():
            maps = [cell["maps"][ranking] for cell in row.cells]
            means = [float(np.mean([one[key] for key in keys])) for one in maps]
            yield _line(
                [
                    f"{row.peer.name}, {ranking}",
                    spread(means),
                    *(spread([one[key] for one in maps]) for key in keys),
                ]
            )


def _published(collection: str, modalities: Sequence[str]) -> Iterator[str]:
    pairs = list(permutations(modalities, 2))
    heads = [f"{query} → {gallery}" for query, gallery in pairs]
    yield _line(["published mAP@all", "mean", *heads, "source"])
    yield "|---" * (len(heads) + 3) + "|"
    for row in PUBLISHED[collection]:
        values = [row.pairs.get(f"{query} to {gallery}") for query, gallery in pairs]
        cells = ["–" if value is None else f"{value:.3f}" for value in values]
        yield _line([row.method, f"{row.mean:.3f}", *cells, row.source])


def _costs(rows: Sequence[Row]) -> Iterator[str]:
    yield _line(
        ["method", "trained", "pairs", "seeds", "trainings", "s", "CPU s", "peak MiB", "selected"]
    )
    yield "|---" * 9 + "|"
    for row in rows:
        if not row.cells:
            continue
        first = row.cells[0]
        yield _line(
            [
                f"{row.peer.name} ({row.peer.paper})",
                "jointly" if row.peer.joint else "each alone",
                first["pairing"],
                str(len(row.cells)) if len(row.cells) > 1 else "1",
                str(first["trainings"]),
                spread([cell["seconds"] for cell in row.cells], 1),
                spread([cell["cpu_seconds"] for cell in row.cells], 1),
                _memory(row.cells),
                _selected(first),
            ]
        )


def _memory(cells: Sequence[Cell]) -> str:
    """The largest of the seeds, and how much of it was there before training."""
    largest = max(cells, key=lambda cell: float(cell["peak_mebibytes"]))
    above = largest["peak_mebibytes"] - largest["start_mebibytes"]
    return f"{largest['peak_mebibytes']:.0f} ({above:.0f} above the start)"


def _selected(cell: Cell) -> str:
    """What validation chose, of the first seed; one training of many stands for all."""
    names = list(cell["chosen"])
    text = json.dumps(cell["chosen"][names[0]]).strip("{}").replace('"', "")
    return text if len(names) == 1 else f"{names[0]}: {text}"


def _absent(rows: Sequence[Row]) -> Iterator[str]:
    yield _line(["not in the table", "why"])
    yield "|---|---|"
    for row in rows:
        if row.refused is not None:
            yield _line([f"{row.peer.name} ({row.peer.paper})", f"refused: {row.refused}"])
        elif not row.cells and not row.failed:
            yield _line([f"{row.peer.name} ({row.peer.paper})", "no cell is finished"])
        for reason in row.failed:
            yield _line([f"{row.peer.name} ({row.peer.paper})", f"failed: {reason}"])
    for name, paper, reason in CITED:
        yield _line([f"{name} ({paper})", f"cited only: {reason}"])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
