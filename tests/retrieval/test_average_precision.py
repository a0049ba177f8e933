from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from benchmarks.speed.reference_evaluation import multi_label, single_label
from sdml.errors import DataError, UserError
from sdml.retrieval.average_precision import score
from sdml.retrieval.protocol import Denominator, EmptyQuery, Protocol, RelevanceRule
from sdml.retrieval.similarity import cosine_representation

PROTOCOLS = [
    Protocol(top_k=k, denominator=d, empty_query=e, relevance=r)
    for k in (1, 3, 50)
    for d in get_args(Denominator)
    for e in get_args(EmptyQuery)
    for r in get_args(RelevanceRule)
]


def unit(seed: int, items: int, width: int = 16) -> np.ndarray:
    return cosine_representation(np.random.default_rng(seed).normal(size=(items, width)))


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 30),
    st.sampled_from(PROTOCOLS),
    st.booleans(),
    st.sampled_from([1, 4_000, 2**28]),
    st.integers(0, 2**32 - 1),
)
def test_scores_follow_the_definition(
    oracle: Callable[..., Any],
    queries: int,
    gallery: int,
    protocol: Protocol,
    several: bool,
    block_bytes: int,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    # Small whole numbers make products exact and ties frequent.
    query_QK = rng.integers(-1, 2, (queries, 2)).astype(np.float32)
    gallery_GK = rng.integers(-1, 2, (gallery, 2)).astype(np.float32)
    shape: tuple[int, ...] = (3,) if several else ()
    low, high = (0, 2) if several else (-1, 3)
    query_labels = rng.integers(low, high, (queries, *shape))
    gallery_labels = rng.integers(low, high, (gallery, *shape))
    made = score(
        query_QK, gallery_GK, query_labels, gallery_labels, protocol, block_bytes=block_bytes
    )
    wanted = oracle(query_QK @ gallery_GK.T, query_labels, gallery_labels, protocol)
    np.testing.assert_allclose(made.ap_Q, wanted.ap, atol=1e-12)
    np.testing.assert_allclose(made.ap_at_k_Q, wanted.ap_at_k, atol=1e-12)
    assert made.counted_Q.tolist() == wanted.counted
    assert made.counted_at_k_Q.tolist() == wanted.counted_at_k
    counted = np.array(wanted.ap)[wanted.counted]
    assert made.map == pytest.approx(counted.mean() if counted.size else 0.0)
    counted = np.array(wanted.ap_at_k)[wanted.counted_at_k]
    assert made.map_at_k == pytest.approx(counted.mean() if counted.size else 0.0)


def test_untied_scores_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    query, gallery = unit(1, 40), unit(2, 500)
    query_Q, gallery_G = rng.integers(0, 5, 40), rng.integers(0, 5, 500)
    made = score(query, gallery, query_Q, gallery_G, Protocol())
    for row in range(40):
        expected = average_precision_score(gallery_G == query_Q[row], gallery @ query[row])
        assert made.ap_Q[row] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("gallery", [20, 60])
def test_the_preset_reproduces_the_released_code(gallery: int) -> None:
    rng = np.random.default_rng(4)
    query_QK, gallery_GK = rng.normal(size=(33, 8)), rng.normal(size=(gallery, 8))
    query_Q, gallery_G = rng.integers(0, 12, 33), rng.integers(0, 9, gallery)
    codes = cosine_representation(query_QK), cosine_representation(gallery_GK)
    made = score(*codes, query_Q, gallery_G, Protocol.reference(5, multi_label=False))
    whole, at_5 = single_label(query_QK, gallery_GK, query_Q, gallery_G, (0, 5))
    assert made.map == pytest.approx(np.mean(whole), abs=1e-9)
    assert made.map_at_k == pytest.approx(np.mean(at_5), abs=1e-9)
    query_QC, gallery_GC = np.eye(12, dtype=int)[query_Q], np.eye(12, dtype=int)[gallery_G]
    query_QC |= np.eye(12, dtype=int)[rng.integers(9, 12, 33)]
    made = score(*codes, query_QC, gallery_GC, Protocol.reference(5, multi_label=True))
    whole, at_5 = multi_label(query_QK, gallery_GK, query_QC, gallery_GC, (0, 5))
    assert 0 < len(at_5) < 33
    assert made.map == pytest.approx(np.mean(whole), abs=1e-9)
    assert made.map_at_k == pytest.approx(np.mean(at_5), abs=1e-9)


def test_ties_stand_in_gallery_order() -> None:
    query, gallery = np.ones((1, 1)), np.ones((4, 1))
    for place in range(4):
        labels = np.zeros(4, dtype=int)
        labels[place] = 1
        made = score(query, gallery, np.array([1]), labels, Protocol())
        assert made.ap_Q.tolist() == [1 / (place + 1)]


def test_minus_zero_ties_with_zero() -> None:
    query = np.array([[1.0, 0.0]])
    gallery = np.array([[-0.0, 1.0], [0.0, 1.0], [-0.0, -1.0]])
    made = score(query, gallery, np.array([1]), np.array([0, 1, 0]), Protocol())
    assert made.ap_Q.tolist() == [0.5]


@pytest.mark.parametrize("width", [29, 512])
@pytest.mark.parametrize("queries", [1, 3, 50])
def test_equal_codes_tie_wherever_they_stand(width: int, queries: int) -> None:
    # A matrix product may round equal inner products differently from column to column.
    query, gallery = unit(5, queries, width), np.repeat(unit(6, 1, width), 331, axis=0)
    labels = np.zeros(331, dtype=int)
    labels[200] = 1
    made = score(query, gallery, np.ones(queries, dtype=int), labels, Protocol())
    assert made.ap_Q.tolist() == [1 / 201] * queries


def test_blocks_and_threads_do_not_change_the_figures() -> None:
    rng = np.random.default_rng(7)
    query, gallery = unit(8, 700), unit(9, 300)
    labels = rng.integers(0, 4, 700), rng.integers(0, 4, 300)
    whole = score(query, gallery, *labels, Protocol(), threads=1)
    for block_bytes, threads in itertools.product((1, 100_000, 2**28), (1, 2, 5)):
        made = score(query, gallery, *labels, Protocol(), block_bytes=block_bytes, threads=threads)
        np.testing.assert_allclose(made.ap_Q, whole.ap_Q, atol=1e-9)
        np.testing.assert_allclose(
            made.curves.precision_at_recall, whole.curves.precision_at_recall, atol=1e-9
        )


@pytest.mark.parametrize("classes", [1, 10])
def test_working_memory_keeps_to_its_bound(classes: int) -> None:
    rng = np.random.default_rng(13)
    query, gallery = unit(14, 400, 4), unit(15, 20_000, 4)
    labels = rng.integers(0, classes, 400), rng.integers(0, classes, 20_000)
    score(query[:1], gallery, labels[0][:1], labels[1], Protocol())
    bound = 8 * 2**20
    tracemalloc.start()
    try:
        score(query, gallery, *labels, Protocol(), block_bytes=bound)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Besides the blocks: labels, indices and sums of the gallery's and the queries' length.
    assert peak < bound + 80 * 20_000 + 400 * 400


def test_the_order_of_the_gallery_does_not_matter_without_ties() -> None:
    rng = np.random.default_rng(10)
    query, gallery, order = unit(11, 20), unit(12, 90), rng.permutation(90)
    query_Q, gallery_G = rng.integers(0, 4, 20), rng.integers(0, 4, 90)
    made = score(query, gallery, query_Q, gallery_G, Protocol())
    moved = score(query, gallery[order], query_Q, gallery_G[order], Protocol())
    np.testing.assert_allclose(moved.ap_Q, made.ap_Q, atol=1e-9)
    renamed = score(query, gallery, query_Q + 5, gallery_G + 5, Protocol())
    assert renamed.ap_Q.tolist() == made.ap_Q.tolist()


def test_without_any_relevant_item_everything_is_zero() -> None:
    for protocol in (Protocol(), Protocol(empty_query="skip")):
        made = score(unit(0, 2), unit(1, 3), np.array([-1, 4]), np.array([0, 1, -1]), protocol)
        assert (made.map, made.map_at_k, made.chance, made.empty) == (0.0, 0.0, 0.0, 2)
        assert set(made.curves.precision_at_recall) == {0.0}


def test_one_query_and_one_item() -> None:
    made = score(unit(0, 1), unit(1, 1), np.array([3]), np.array([3]), Protocol())
    assert (made.map, made.map_at_k, made.chance, made.k) == (1.0, 1.0, 1.0, 50)
    assert made.curves.scopes == (1,)


@pytest.mark.parametrize(
    ("query", "gallery", "message"),
    [
        (np.zeros((0, 2)), np.ones((2, 2)), "query: at least one code"),
        (np.ones((2, 2)), np.zeros((0, 2)), "gallery: at least one code"),
        (np.ones((2, 2)), np.ones((2, 3)), "one width; received 2 and 3"),
        (np.ones((2, 2)), np.full((2, 2), np.nan), "gallery: codes must be finite"),
    ],
)
def test_codes_that_do_not_fit_are_refused(
    query: np.ndarray, gallery: np.ndarray, message: str
) -> None:
    labels = np.zeros(len(query), dtype=int), np.zeros(len(gallery), dtype=int)
    with pytest.raises(DataError, match=message):
        score(query, gallery, *labels, Protocol())


def test_labels_must_belong_to_the_codes() -> None:
    with pytest.raises(DataError, match=r"gallery: .* 3 labels for 2 codes"):
        score(np.ones((1, 1)), np.ones((2, 1)), np.zeros(1), np.zeros(3), Protocol())


def test_blocks_and_threads_must_be_positive() -> None:
    with pytest.raises(UserError, match="threads"):
        score(np.ones((1, 1)), np.ones((1, 1)), np.zeros(1), np.zeros(1), Protocol(), threads=0)


def test_the_order_in_which_queries_are_ranked_does_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(4)
    query, gallery = (rng.integers(-3, 4, (n, 6)).astype(np.float32) for n in (60, 90))
    labels = rng.integers(-1, 4, 60), rng.integers(-1, 4, 90)
    made = []
    for least in (10**9, 0):
        monkeypatch.setattr("sdml.retrieval.blocks._GROUPED", least)
        scores = score(query, gallery, *labels, Protocol())
        made.append((scores.ap_Q.tolist(), scores.ap_at_k_Q.tolist(), scores.curves))
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("dtype", "query_size", "gallery_size"),
    [
        (np.float32, 1e-25, 1e-25),
        (np.float32, 1e30, 1e-30),
        (np.float64, 1e39, 1),
        (np.float64, 1e-300, 1e300),
    ],
)
def test_the_size_of_codes_that_are_compared_as_they_are_does_not_matter(
    dtype: type, query_size: float, gallery_size: float
) -> None:
    rng = np.random.default_rng(0)
    query_QK, gallery_GK = rng.normal(size=(20, 8)), rng.normal(size=(60, 8))
    labels_Q, labels_G = rng.integers(0, 3, 20), rng.integers(0, 3, 60)
    plain = score(query_QK, gallery_GK, labels_Q, labels_G, Protocol())
    query_QK *= query_size
    query_QK[3] *= 1e5  # a ranking knows nothing of the other queries
    made = score(
        query_QK.astype(dtype),
        (gallery_GK * gallery_size).astype(dtype),
        labels_Q,
        labels_G,
        Protocol(),
    )
    assert made.ap_Q == pytest.approx(plain.ap_Q, rel=1e-12)
