"""The kernel runs as plain Python too, so it is tested where numba is absent."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sdml.retrieval import Protocol, score
from sdml.retrieval.compiled import (
    WORTHWHILE,
    compiled_kernel,
    kernel_for,
    rank_rows,
    ranked_by_counting,
)

EDGE = float(np.nextafter(np.float32(2), np.float32(0)))
FEW = st.sampled_from([0.0, -0.0, 0.25, -0.25, EDGE, -EDGE, 1e-38])
MANY = st.floats(-EDGE, EDGE, width=32)
with_numba = pytest.mark.skipif(
    importlib.util.find_spec("numba") is None, reason="numba (the extra 'fast') is not installed"
)


def by_sorting(
    scores_RG: np.ndarray, relevant_RG: np.ndarray, depths_S: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(-scores_RG, axis=1, kind="stable")
    ranked = np.take_along_axis(relevant_RG, order, axis=1)
    hits = np.cumsum(ranked, axis=1)
    return (hits / np.arange(1, ranked.shape[1] + 1))[ranked], hits[:, depths_S - 1]


@settings(deadline=None)
@given(
    st.integers(1, 60).flatmap(
        lambda items: st.tuples(
            arrays.arrays(np.float32, (3, items), elements=st.one_of(FEW, MANY)),
            arrays.arrays(np.bool_, (3, items)),
        )
    )
)
def test_counting_gives_the_ranks_of_a_stable_sort(
    given_arrays: tuple[np.ndarray, np.ndarray],
) -> None:
    scores, relevant = given_arrays
    depths = np.array([scores.shape[1], 1], dtype=np.int64)
    precision, hits = ranked_by_counting(rank_rows, scores, relevant, depths)
    expected, expected_hits = by_sorting(scores, relevant, depths)
    assert precision.tolist() == expected.tolist()
    assert hits.tolist() == expected_hits.tolist()


@with_numba
@pytest.mark.parametrize("kind", ["normal", "one far", "equal", "few"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 1.0])
@pytest.mark.parametrize("shown", [True, False])
def test_machine_code_gives_the_same(kind: str, share: float, shown: bool) -> None:
    rng = np.random.default_rng(0)
    scores = {
        "normal": 0.1 * rng.normal(size=(3, 5000)),
        "one far": np.concatenate([np.full((3, 1), 1.9), 1e-6 * rng.normal(size=(3, 4999))], 1),
        "equal": np.full((3, 5000), 0.25),
        "few": rng.integers(-3, 4, (3, 5000)) / 4,
    }[kind].astype(np.float32)
    relevant = rng.random((3, 5000)) < share
    if shown:
        relevant = np.broadcast_to(relevant[0], (3, 5000))
    depths = np.array([5000, 50, 1, 1000], dtype=np.int64)
    kernel = compiled_kernel()
    assert kernel is not None
    precision, hits = ranked_by_counting(kernel, scores, relevant, depths)
    expected, expected_hits = by_sorting(scores, relevant, depths)
    assert precision.tolist() == expected.tolist()
    assert (hits == expected_hits).all()


@with_numba
@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("threads", [1, 3])
def test_scores_are_the_same_to_the_last_bit(several: bool, threads: int) -> None:
    rng = np.random.default_rng(1)
    query_QK, gallery_GK = (rng.integers(-4, 5, (n, 6)).astype(np.float32) for n in (90, 700))
    query_labels, gallery_labels = (
        rng.integers(0, 2, (items, 5)) if several else rng.integers(-1, 4, items)
        for items in (90, 700)
    )
    plain, compiled = (
        score(
            query_QK,
            gallery_GK,
            query_labels,
            gallery_labels,
            Protocol(),
            threads=threads,
            compiled=compiled,
        )
        for compiled in (False, True)
    )
    assert plain.ap_Q.tolist() == compiled.ap_Q.tolist()
    assert plain.ap_at_k_Q.tolist() == compiled.ap_at_k_Q.tolist()
    assert plain.curves == compiled.curves
    assert plain.map == compiled.map


def test_small_work_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdml.retrieval.compiled.compiled_kernel", lambda: rank_rows)
    monkeypatch.setattr("sdml.retrieval.compiled._asked", 0)
    assert kernel_for(1, True) is rank_rows
    assert kernel_for(WORTHWHILE - 2, None) is None
    assert kernel_for(1, None) is rank_rows
    assert kernel_for(WORTHWHILE, False) is None


def test_what_is_compiled_is_used_for_small_work_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdml.retrieval.compiled.compiled_kernel", lambda: rank_rows)
    monkeypatch.setattr("sdml.retrieval.compiled._asked", 0)
    assert kernel_for(WORTHWHILE, None) is rank_rows
    assert kernel_for(1, None) is rank_rows


def test_without_numba_there_is_no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    compiled_kernel.cache_clear()
    try:
        assert compiled_kernel() is None
    finally:
        compiled_kernel.cache_clear()
