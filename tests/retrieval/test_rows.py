from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sdml.retrieval import rows as module
from sdml.retrieval.rows import Rows, repeated_rows
from sdml.retrieval.similarity import cosine_representation


@given(arrays.arrays(np.float32, (12, 2), elements=st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5])))
def test_repeated_rows_name_the_first_of_their_kind(rows: np.ndarray) -> None:
    seen: dict[tuple[float, ...], int] = {}
    first = [seen.setdefault(tuple(row), n) for n, row in enumerate((rows + 0.0).tolist())]
    expected = [(n, first[n]) for n in range(12) if first[n] != n]
    repeated = repeated_rows(Rows(rows))
    if repeated is None:
        assert not expected
    else:
        assert list(zip(*map(np.ndarray.tolist, repeated), strict=True)) == expected


def test_rows_made_in_tiles_are_those_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    monkeypatch.setattr(module, "_TILE_BYTES", 7 * 8 * 4)
    made = Rows(codes, cosine_representation)
    whole = cosine_representation(codes)
    assert (len(made), made.width) == whole.shape
    tiles = list(made.tiles())
    assert [place.stop for place, _ in tiles] == [7, 14, 21, 28, 35, 42, 49, 50]
    assert (np.concatenate([tile for _, tile in tiles]) == whole).all()
    assert (made.some(np.array([3, 1])) == whole[[3, 1]]).all()


def test_rows_of_equal_sums_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    odds = rng.integers(1, 40, (900, 3))
    codes = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)  # as posteriors are
    codes[[5, 700]] = codes[[880, 3]]
    every = repeated_rows(Rows(codes))
    monkeypatch.setattr(module, "_SUSPECTS", 16)
    few = repeated_rows(Rows(codes))
    assert every is not None
    assert few is not None
    assert [part.tolist() for part in few] == [part.tolist() for part in every]
    assert {880, 700} <= set(few[0].tolist())
