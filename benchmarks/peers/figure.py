"""The table's means as bars, the best at the top: a method once for each of its similarities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.figures.bars import Bars
from benchmarks.figures.svg import svg
from benchmarks.peers.runner import Row


def figure(rows: Sequence[Row], collection: str) -> bytes:
    """An SVG of mAP@all, the mean over directions and seeds, beside chance."""
    done = [row for row in rows if row.cells]
    means = {
        (f"{row.peer.name}, {ranking}", row.peer.joint): float(
            np.mean([list(cell["maps"][ranking].values()) for cell in row.cells])
        )
        for row in done
        for ranking in row.peer.rankings
    }
    best_first = sorted(means, key=means.__getitem__, reverse=True)
    chance = [float(np.mean(list(row.cells[0]["chance"].values()))) for row in done[:1]]
    bars = Bars(
        title=collection,
        x_label="mAP@all, mean over directions",
        groups=[name for name, _ in best_first],
        values={
            label: [means[one] if one[1] == joint else np.nan for one in best_first]
            for label, joint in (("each modality alone", False), ("jointly", True))
        },
        marks={"chance": chance * len(means)},
        single=True,
    )
    return svg([bars], width=7.0, height=0.8 + 0.22 * len(means))
