from __future__ import annotations

import sys

import numpy as np
import pytest

from sdml.errors import MissingExtraError
from sdml.retrieval import search
from sdml.steps.index import Hnsw, recall


def codes(seed: int, items: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(items, 16)).astype(np.float32)


def test_the_graph_finds_nearly_all_and_orders_it_exactly() -> None:
    pytest.importorskip("faiss")
    query, gallery = codes(0, 40), codes(1, 3000)
    exact = search(query, gallery, 10)
    found = Hnsw(gallery).search(query, 10)
    assert recall(found, exact) > 0.9
    for row in range(40):
        both = np.isin(found.indices_QT[row], exact.indices_QT[row])
        kept = np.isin(exact.indices_QT[row], found.indices_QT[row])
        assert (found.indices_QT[row][both] == exact.indices_QT[row][kept]).all()
        assert (found.scores_QT[row][both] == exact.scores_QT[row][kept]).all()


@pytest.mark.parametrize("items", [1, 3, 50])
def test_every_item_is_found_when_all_are_asked_for(items: int) -> None:
    pytest.importorskip("faiss")
    gallery = np.repeat(codes(2, 1), items, axis=0)
    found = Hnsw(gallery).search(codes(3, 2), 100)
    assert found.indices_QT.tolist() == [list(range(items))] * 2


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"sdml\[index\]"):
        Hnsw(codes(0, 3))
