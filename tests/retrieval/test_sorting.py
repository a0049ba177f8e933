from __future__ import annotations

import numpy as np
import pytest

from sdml.retrieval.ranking import relevant_places
from sdml.retrieval.sorting import sorted_rows


def scores(kind: str, rows: int, items: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    made: dict[str, np.ndarray] = {
        "normal": rng.normal(size=(rows, items)) * 0.05,
        "two groups": np.where(rng.random((rows, items)) < 0.1, 0.9, 0.0)
        + rng.normal(size=(rows, items)) * 1e-4,
        "one far": np.concatenate(
            [np.full((rows, 1), 1.9), 1e-6 * rng.normal(size=(rows, items - 1))], axis=1
        ),
        "equal": np.full((rows, items), 0.25),
        "few": rng.integers(-3, 4, (rows, items)) / 4,
        "tiny": rng.normal(size=(rows, items)) * 1e-38,
    }
    return made[kind].astype(np.float32)


@pytest.mark.parametrize("kind", ["normal", "two groups", "one far", "equal", "few", "tiny"])
@pytest.mark.parametrize("items", [2049, 5000, 8192])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_rows_are_sorted_on_every_processor(kind: str, items: int, dtype: type) -> None:
    made = scores(kind, 3, items)
    bits = made.view(np.int32)
    sign = bits >> 31
    keys: np.ndarray = (sign - ((bits << 1) ^ sign)).astype(dtype)
    relevant = np.random.default_rng(1).random(keys.shape) < 0.3
    keys |= relevant
    kept = keys.copy()
    for in_steps in (False, True):
        assert (sorted_rows(keys, made, in_steps=in_steps) == np.sort(kept, axis=1)).all()
    assert (keys == kept).all()


def test_galleries_with_wide_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdml.retrieval.ranking._MANY", 100)
    for kind in ("normal", "few", "equal", "tiny"):
        made = scores(kind, 2, 3000)
        relevant = np.random.default_rng(2).random(made.shape) < 0.3
        order = np.argsort(-made, axis=1, kind="stable")
        expected = np.take_along_axis(relevant, order, axis=1)
        assert (relevant_places(made, relevant) == np.flatnonzero(expected)).all()
