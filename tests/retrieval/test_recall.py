from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from sdml.retrieval.protocol import EmptyQuery, Protocol
from sdml.retrieval.recall import DEPTHS, first_ranks, recall_between
from sdml.retrieval.rows import Rows
from sdml.retrieval.sampled import QuerySample


def expected_ranks(
    query_QK: np.ndarray, gallery_GK: np.ndarray, relevant_QG: np.ndarray
) -> np.ndarray:
    """By scipy: ordinal ranks of falling scores, of which the least relevant one counts."""
    ranks = []
    for query_K, relevant_G in zip(query_QK, relevant_QG, strict=True):
        rank_G = rankdata(-(gallery_GK @ query_K), method="ordinal")
        ranks.append(rank_G[relevant_G].min() if relevant_G.any() else np.inf)
    return np.array(ranks)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 12), st.integers(1, 400))
def test_ranks_are_those_of_scipy_whatever_the_block(
    seed: int, queries: int, items: int, block: int
) -> None:
    rng = np.random.default_rng(seed)
    # whole numbers: products are exact, and many tie
    query_QK = rng.integers(-2, 3, (queries, 3)).astype(np.float32)
    gallery_GK = rng.integers(-2, 3, (items, 3)).astype(np.float32)
    query_y, gallery_y = rng.integers(-1, 3, queries), rng.integers(-1, 3, items)
    relevant_QG = (query_y[:, None] == gallery_y) & (query_y[:, None] >= 0)
    found = first_ranks(
        Rows(query_QK), Rows(gallery_GK), query_y, gallery_y, Protocol(), block_bytes=block
    )
    assert found.tolist() == expected_ranks(query_QK, gallery_GK, relevant_QG).tolist()


def codes(seed: int, items: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(items, 6)).astype(np.float32)


def test_figures_of_every_direction_by_hand() -> None:
    rng = np.random.default_rng(3)
    data = {
        name: (codes(i, n), rng.integers(0, 4, n))
        for i, (name, n) in enumerate({"image": 30, "text": 21, "audio": 17}.items())
    }
    found = recall_between(data, protocol=Protocol(), similarities=["cosine"])
    assert [(r.query, r.gallery) for r in found] == list(itertools.permutations(data, 2))
    for result in found:
        (query_QK, query_y), (gallery_GK, gallery_y) = data[result.query], data[result.gallery]
        unit_QK = query_QK / np.linalg.norm(query_QK, axis=1, keepdims=True)
        unit_GK = gallery_GK / np.linalg.norm(gallery_GK, axis=1, keepdims=True)
        order_QG = np.argsort(-(unit_QK @ unit_GK.T), axis=1)
        hit_QG = gallery_y[order_QG] == query_y[:, None]
        for k, value in zip(DEPTHS, result.recall, strict=True):
            assert value == pytest.approx(np.mean(hit_QG[:, :k].any(axis=1)))
        first = np.where(hit_QG.any(axis=1), hit_QG.argmax(axis=1) + 1.0, np.inf)
        assert result.median_rank == np.median(first)


def test_a_number_for_each_pair_makes_it_the_measure_of_pairs() -> None:
    image, text = codes(1, 40), codes(2, 40)
    text += 2 * image
    (there, back) = recall_between(
        {"image": (image, np.arange(40)), "text": (text, np.arange(40))},
        protocol=Protocol(),
        similarities=["cosine"],
    )
    scores = image @ text.T / np.outer(*(np.linalg.norm(c, axis=1) for c in (image, text)))
    for result, square in ((there, scores), (back, scores.T)):
        rank = 1 + (square > np.diag(square)[:, None]).sum(axis=1)
        assert result.recall == tuple(float(np.mean(rank <= k)) for k in DEPTHS)
        assert result.median_rank == np.median(rank)


def test_several_labels_and_the_posterior_product() -> None:
    projection = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 3)))[0]
    labels = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1]], dtype=np.uint8)
    ideal = (labels @ projection.T).astype(np.float32)
    for result in recall_between(
        {"image": (ideal, labels), "text": (ideal, labels)},
        protocol=Protocol(),
        similarities=["cosine", "posterior"],
        projection_KC=projection,
    ):
        assert result.recall == (1.0, 1.0, 1.0)
        assert result.median_rank == 1.0


@pytest.mark.parametrize(
    ("policy", "recall", "median"), [("zero", 1 / 3, np.inf), ("skip", 1.0, 1.0)]
)
def test_queries_without_a_relevant_item(policy: EmptyQuery, recall: float, median: float) -> None:
    eye = np.eye(3, dtype=np.float32)
    data = {"a": (eye, np.array([0, 1, 2])), "b": (eye, np.array([0, -1, -1]))}
    (there, back) = recall_between(
        data, protocol=Protocol(empty_query=policy), similarities=["cosine"]
    )
    for result in (there, back):
        assert result.recall == pytest.approx((recall,) * 3)
        assert result.median_rank == median


def test_no_query_at_all_counts() -> None:
    eye = np.eye(2, dtype=np.float32)
    unlabelled = np.array([-1, -1])
    (result, _) = recall_between(
        {"a": (eye, unlabelled), "b": (eye, unlabelled)},
        protocol=Protocol(empty_query="skip"),
        similarities=["cosine"],
    )
    assert (result.recall, result.median_rank) == ((0.0, 0.0, 0.0), 0.0)


def test_of_a_sample_the_galleries_stay_whole() -> None:
    rng = np.random.default_rng(5)
    data = {name: (codes(i, 60), rng.integers(0, 20, 60)) for i, name in enumerate("ab")}
    sample = QuerySample(queries=30, seed=2)
    found = recall_between(data, protocol=Protocol(), similarities=["cosine"], sample=sample)
    for result in found:
        (query_QK, query_y), (gallery_GK, gallery_y) = data[result.query], data[result.gallery]
        places = sample.places(result.query, 60)
        ranks = first_ranks(
            Rows(query_QK[places]), Rows(unit(gallery_GK)), query_y[places], gallery_y, Protocol()
        )
        assert result.recall == tuple(float(np.mean(ranks <= k)) for k in DEPTHS)


def unit(rows: np.ndarray) -> np.ndarray:
    made: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return made
