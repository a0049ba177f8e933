from __future__ import annotations

import numpy as np
import pytest

from benchmarks.peers.published import PUBLISHED
from benchmarks.peers.table import markdown
from tests.examples.test_paper import PAPER, read_paper

MEANS = [(name, row) for name, rows in PUBLISHED.items() for row in rows if row.pairs]


@pytest.mark.parametrize(("collection", "row"), MEANS, ids=lambda value: str(value)[:40])
def test_cells_average_to_the_printed_mean(collection: str, row: object) -> None:
    found = next(r for r in PUBLISHED[collection] if r is row)
    assert np.mean(list(found.pairs.values())) == pytest.approx(found.mean, abs=1.1e-3)


@pytest.mark.parametrize("name", PAPER)
def test_every_collection_of_the_paper_has_its_figures(name: str) -> None:
    experiment = read_paper(name, "/data")
    modalities = list(experiment.modalities)
    table = markdown([], modalities, experiment.collection)
    row = PUBLISHED[experiment.collection][0]
    assert row.method == "SDML"
    pairs = [f"{q} to {g}" for q in modalities for g in modalities if q != g]
    assert sorted(row.pairs) == sorted(pairs)
    cells = " | ".join(f"{row.pairs[pair]:.3f}" for pair in pairs)
    assert f"| SDML | {row.mean:.3f} | {cells} | {row.source} |" in table
    assert "published" not in markdown([], modalities, "another")
