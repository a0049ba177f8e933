from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import average_precision_score

from sdml.errors import DataError, SubspaceError, UserError
from sdml.retrieval.cross_modal import evaluate
from sdml.retrieval.direction import score_codes
from sdml.retrieval.protocol import Protocol
from sdml.retrieval.similarity import default_temperature

PROJECTION = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 3)))[0]


def collection() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(1)
    made = {}
    for name, items in (("image", 30), ("text", 25), ("audio", 9)):
        labels = rng.integers(0, 3, items)
        made[name] = (PROJECTION.T[labels] + 0.3 * rng.normal(size=(items, 8)), labels)
    return made


def test_all_ordered_pairs_are_scored_under_each_similarity() -> None:
    data, protocol = collection(), Protocol(top_k=5)
    made = evaluate(data, protocol=protocol, projection_KC=PROJECTION)
    assert made.temperature == default_temperature(3)
    assert made.sizes == {"image": 30, "text": 25, "audio": 9}
    assert len(made.pairs) == 2 * 6
    for pair in made.pairs:
        assert pair.query != pair.gallery
        assert pair == score_codes(
            *data[pair.query],
            *data[pair.gallery],
            protocol=protocol,
            similarity=pair.similarity,
            projection_KC=PROJECTION,
            names=(pair.query, pair.gallery),
        )
        assert pair.map > pair.chance
    for similarity in made.similarities:
        means = [pair.map for pair in made.pairs if pair.similarity == similarity]
        assert made.mean_map(similarity) == pytest.approx(sum(means) / 6)
    assert made.mean_chance() == pytest.approx(np.mean([p.chance for p in made.of("cosine")]))
    assert made.mean_map_at_k("cosine") == pytest.approx(
        np.mean([p.map_at_k for p in made.of("cosine")])
    )


def multi_hot(classes: np.ndarray) -> np.ndarray:
    """Each item's own class, and the one after it for every second item."""
    rows_NC = np.eye(3, dtype=int)[classes]
    rows_NC[::2] |= np.roll(rows_NC[::2], 1, axis=1)
    return np.asarray(rows_NC)


@pytest.mark.parametrize("numbers", [(), ("text",), ("text", "audio")])
def test_of_several_labels_the_posterior_is_one_sigmoid_a_class(numbers: tuple[str, ...]) -> None:
    data = {
        name: (codes, classes if name in numbers else multi_hot(classes))
        for name, (codes, classes) in collection().items()
    }
    hot = {n: np.eye(3, dtype=int)[y] if y.ndim == 1 else y for n, (_, y) in data.items()}
    made = evaluate(data, protocol=Protocol(), projection_KC=PROJECTION)
    told = default_temperature(3) if numbers else 2 * np.log(19)
    assert made.temperature == pytest.approx(told)
    probabilities = {}
    for name, (codes, _) in data.items():
        scores = codes / np.linalg.norm(codes, axis=1, keepdims=True) @ PROJECTION
        probabilities[name] = (
            softmax(default_temperature(3) * scores, axis=1)
            if name in numbers
            else expit(2 * np.log(19) * (scores - 0.5))
        )
    for pair in made.of("posterior"):
        scores = probabilities[pair.query] @ probabilities[pair.gallery].T
        relevant = hot[pair.query] @ hot[pair.gallery].T > 0
        aps = [average_precision_score(*row) for row in zip(relevant, scores, strict=True)]
        assert pair.map == pytest.approx(np.mean(aps), abs=1e-6)
        alone = score_codes(
            *data[pair.query],
            *data[pair.gallery],
            protocol=Protocol(),
            similarity="posterior",
            projection_KC=PROJECTION,
        )
        assert alone.map == pair.map


def test_one_hot_rows_are_like_numbers() -> None:
    data = collection()
    hot = {name: (codes, np.eye(3, dtype=int)[y]) for name, (codes, y) in data.items()}
    made, other = (
        evaluate(each, protocol=Protocol(), projection_KC=PROJECTION) for each in (data, hot)
    )
    assert made.temperature == other.temperature
    assert [pair.map for pair in made.pairs] == [pair.map for pair in other.pairs]


def test_a_new_modality_leaves_the_other_directions_alone() -> None:
    data = collection()
    before = evaluate(
        {name: data[name] for name in ("image", "text")},
        protocol=Protocol(),
        projection_KC=PROJECTION,
    )
    after = evaluate(data, protocol=Protocol(), projection_KC=PROJECTION)
    for pair in before.pairs:
        assert after.pair(pair.query, pair.gallery, pair.similarity) == pair


def test_the_cosine_alone_needs_no_projection() -> None:
    made = evaluate(collection(), protocol=Protocol(), similarities=["cosine"])
    assert made.temperature is None
    with pytest.raises(SubspaceError, match="projection"):
        evaluate(collection(), protocol=Protocol())
    with pytest.raises(UserError, match="image to image"):
        made.pair("image", "image", "cosine")


def test_bad_collections_are_refused() -> None:
    data = collection()
    with pytest.raises(DataError, match="at least two"):
        evaluate({"image": data["image"]}, protocol=Protocol())
    narrow = {**data, "text": (data["text"][0][:, :4], data["text"][1])}
    with pytest.raises(DataError, match="one width"):
        evaluate(narrow, protocol=Protocol(), similarities=["cosine"])
    with pytest.raises(UserError, match="each similarity once"):
        evaluate(data, protocol=Protocol(), similarities=["cosine", "cosine"])
    with pytest.raises(SubspaceError, match="8 code dimensions"):
        evaluate(data, protocol=Protocol(), projection_KC=PROJECTION[:4])
