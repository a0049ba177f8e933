from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from sdml.errors import DataError, UserError
from sdml.retrieval import Protocol, QuerySample, evaluate, evaluate_sampled

Collection = dict[str, tuple[np.ndarray, np.ndarray]]


def collection(seed: int, *, noise: float = 1.5, **sizes: int) -> Collection:
    """Codes scattered around a centre for each class."""
    generator = np.random.default_rng(seed)
    centres_CK = generator.normal(size=(5, 16))
    made = {}
    for name, items in sizes.items():
        labels = generator.integers(0, 5, items)
        codes_NK = centres_CK[labels] + noise * generator.normal(size=(items, 16))
        made[name] = (codes_NK.astype(np.float32), labels)
    return made


def test_a_sample_depends_on_seed_name_and_size_alone() -> None:
    sample = QuerySample(queries=40, seed=3)
    places = sample.places("image", 1000)
    assert places.tolist() == sample.places("image", 1000).tolist()
    assert len(set(places.tolist())) == 40
    assert (np.diff(places) > 0).all()
    assert places.min() >= 0
    assert places.max() < 1000
    assert places.tolist() != sample.places("text", 1000).tolist()
    assert places.tolist() != QuerySample(queries=40, seed=4).places("image", 1000).tolist()
    assert sample.places("image", 40).tolist() == list(range(40))


def test_every_item_is_drawn_equally_often() -> None:
    counts = np.zeros(100)
    for seed in range(400):
        counts[QuerySample(queries=50, seed=seed).places("image", 100)] += 1
    # 400 draws with a chance of 1/2: six standard deviations are 60.
    assert np.abs(counts - 200).max() < 60


def test_a_sample_of_a_billion_needs_no_list_of_them() -> None:
    places = QuerySample(queries=1000, seed=0).places("image", 10**9)
    assert len(np.unique(places)) == 1000


def test_the_figures_are_those_of_the_sampled_queries_against_everything() -> None:
    data = collection(0, image=120, text=90)
    sample = QuerySample(queries=40, seed=1)
    result = evaluate_sampled(data, sample=sample, protocol=Protocol(), similarities=["cosine"])
    query_QK, query_y = (part[sample.places("image", 120)] for part in data["image"])
    gallery_GK, gallery_y = data["text"]
    scores_QG = query_QK @ gallery_GK.T / np.linalg.norm(gallery_GK, axis=1)
    aps = [
        average_precision_score(gallery_y == label, scores)
        for label, scores in zip(query_y, scores_QG, strict=True)
    ]
    pair = result.pair("image", "text", "cosine")
    assert pair.map == pytest.approx(np.mean(aps), abs=1e-6)
    assert (pair.queries, pair.gallery_size, result.sizes["image"]) == (40, 90, 120)
    assert pair.sampled is not None
    assert pair.sampled.population == 120
    # t of 39 degrees of freedom: 2.0227
    reach = 2.0227 * np.sqrt((1 - 40 / 120) * np.var(aps, ddof=1) / 40)
    assert pair.sampled.map.low == pytest.approx(pair.map - reach, abs=1e-5)
    assert pair.sampled.map.high == pytest.approx(pair.map + reach, abs=1e-5)


def test_a_sample_of_everything_is_the_exact_evaluation() -> None:
    data = collection(1, image=60, text=50, audio=40)
    exact = evaluate(data, protocol=Protocol(), similarities=["cosine"])
    whole = evaluate_sampled(
        data, sample=QuerySample(queries=60), protocol=Protocol(), similarities=["cosine"]
    )
    for one, other in zip(exact.pairs, whole.pairs, strict=True):
        assert (one.map, one.map_at_k, one.curves) == (other.map, other.map_at_k, other.curves)
        assert other.sampled is not None
        assert other.sampled.map.low == other.sampled.map.high == pytest.approx(one.map)
    mean = whole.mean_intervals["cosine"]
    assert mean.low == mean.high == pytest.approx(exact.mean_map("cosine"))
    assert exact.mean_intervals == {}


def test_the_mean_knows_that_one_query_counts_in_several_directions() -> None:
    """With equal galleries all directions of a query agree, so averaging them gains nothing."""
    data = collection(2, image=400, text=100)
    data["copy"] = data["text"]
    result = evaluate_sampled(
        data, sample=QuerySample(queries=100), protocol=Protocol(), similarities=["cosine"]
    )
    pair = result.pair("image", "text", "cosine")
    assert pair.sampled is not None
    mean = result.mean_intervals["cosine"]
    # Only image is sampled: it gives 2 of the 6 directions, both with the same AP.
    assert mean.high - mean.low == pytest.approx((pair.sampled.map.high - pair.sampled.map.low) / 3)


def test_skipped_queries_leave_the_mean_and_widen_the_interval() -> None:
    data = collection(3, image=300, text=80)
    codes, labels = data["image"]
    data["image"] = (codes, np.where(np.arange(300) % 2 == 0, labels, -1))
    skipping = Protocol(empty_query="skip")
    result = evaluate_sampled(
        data, sample=QuerySample(queries=100), protocol=skipping, similarities=["cosine"]
    )
    pair = result.pair("image", "text", "cosine")
    assert pair.sampled is not None
    assert 0 < pair.empty < 100
    places = QuerySample(queries=100).places("image", 300)
    (query_QK, query_y), (gallery_GK, gallery_y) = data["image"], data["text"]
    aps = np.array(
        [
            average_precision_score(gallery_y == query_y[place], scores)
            for place in places[query_y[places] >= 0]
            for scores in [query_QK[place] @ gallery_GK.T / np.linalg.norm(gallery_GK, axis=1)]
        ]
    )
    assert len(aps) == 100 - pair.empty
    assert pair.map == pytest.approx(aps.mean(), abs=1e-6)
    # The mean is a total over a number, both of the sample: the delta method; t of 99 is 1.9842.
    spread = np.sum((aps - aps.mean()) ** 2) / 99 * (100 / len(aps)) ** 2
    reach = 1.9842 * np.sqrt((1 - 100 / 300) * spread / 100)
    assert pair.sampled.map.high - pair.map == pytest.approx(reach, abs=1e-5)


def test_bad_samples_and_collections_are_refused() -> None:
    with pytest.raises(UserError, match="at least 30 queries"):
        QuerySample(queries=29)
    with pytest.raises(UserError, match="seed of 0 or more"):
        QuerySample(queries=30, seed=-1)
    data = collection(0, image=40)
    with pytest.raises(DataError, match="at least two"):
        evaluate_sampled(data, sample=QuerySample(queries=30), protocol=Protocol())


@pytest.mark.slow
def test_95_of_100_intervals_hold_the_exact_figure() -> None:
    data = collection(5, noise=2.5, image=600, text=300, audio=300)
    exact = evaluate(data, protocol=Protocol(), similarities=["cosine"])
    held = {"pair": 0, "at k": 0, "mean": 0}
    rounds = 400
    for seed in range(rounds):
        result = evaluate_sampled(
            data,
            sample=QuerySample(queries=60, seed=seed),
            protocol=Protocol(),
            similarities=["cosine"],
            threads=1,
        )
        pair, truth = (found.pair("image", "text", "cosine") for found in (result, exact))
        assert pair.sampled is not None
        held["pair"] += pair.sampled.map.low <= truth.map <= pair.sampled.map.high
        held["at k"] += pair.sampled.map_at_k.low <= truth.map_at_k <= pair.sampled.map_at_k.high
        mean = result.mean_intervals["cosine"]
        held["mean"] += mean.low <= exact.mean_map("cosine") <= mean.high
    # 0.95 within four standard deviations of a share of 400.
    for name, count in held.items():
        assert 0.906 <= count / rounds <= 0.994, (name, count)


def test_an_error_names_the_row_of_the_modality() -> None:
    modalities = collection(0, image=300, text=300)
    modalities["text"][0][281] = np.nan
    with pytest.raises(DataError, match=r"text: .* in row 281"):
        evaluate_sampled(
            modalities,
            sample=QuerySample(queries=299),
            protocol=Protocol(),
            similarities=["cosine"],
        )
