from __future__ import annotations

import numpy as np
import pytest

from sdml.errors import DataError, SubspaceError, UserError
from sdml.retrieval.average_precision import score
from sdml.retrieval.direction import PairResult, represent, score_codes
from sdml.retrieval.protocol import Protocol
from sdml.retrieval.similarity import Similarity, cosine_representation


def test_per_class_means_are_those_of_the_queries_of_a_class() -> None:
    rng = np.random.default_rng(0)
    query, gallery = rng.normal(size=(30, 5)), rng.normal(size=(40, 5))
    query_Q, gallery_G = rng.integers(-1, 3, 30), rng.integers(0, 4, 40)
    names = ["a", "b", "c", "d"]
    made = score_codes(query, query_Q, gallery, gallery_G, protocol=Protocol(), classes=names)
    each = score(
        cosine_representation(query),
        cosine_representation(gallery),
        query_Q,
        gallery_G,
        Protocol(),
    ).ap_Q
    assert list(made.per_class_map) == ["a", "b", "c"]
    for number, name in enumerate(names[:3]):
        assert made.per_class_map[name] == pytest.approx(each[query_Q == number].mean())
    query_QC = np.eye(4, dtype=int)[query_Q] * (query_Q >= 0)[:, None]
    hot = score_codes(query, query_QC, gallery, gallery_G, protocol=Protocol(), classes=names)
    assert hot.per_class_map == pytest.approx(made.per_class_map)


def test_a_query_of_two_classes_counts_for_both() -> None:
    made = score_codes(
        np.array([[1.0, 0.0]]),
        np.array([[1, 0, 1]]),
        np.array([[1.0, 0.0], [0.0, 1.0]]),
        np.array([[0, 1, 0], [1, 0, 0]]),
        protocol=Protocol(),
    )
    assert made.per_class_map == {"0": 0.5, "2": 0.5}


def test_large_class_numbers_need_no_list() -> None:
    big = np.array([10**12])
    made = score_codes(np.ones((1, 1)), big, np.ones((1, 1)), big, protocol=Protocol())
    assert made.per_class_map == {str(10**12): 1.0}


def test_labels_beyond_the_class_list_are_refused() -> None:
    with pytest.raises(DataError, match="2 named classes"):
        score_codes(
            np.ones((1, 1)),
            np.array([2]),
            np.ones((1, 1)),
            np.array([0]),
            protocol=Protocol(),
            classes=["a", "b"],
        )


def test_posterior_needs_the_projection_and_names_are_closed() -> None:
    with pytest.raises(SubspaceError, match=r"audio: .* projection"):
        represent(np.eye(2), "posterior", what="audio")
    with pytest.raises(UserError, match="cosine, posterior"):
        represent(np.eye(2), "dot")  # type: ignore[arg-type]


@pytest.mark.parametrize("similarity", ["cosine", "posterior"])
def test_codes_too_large_to_copy_give_the_same_figures(similarity: Similarity) -> None:
    rng = np.random.default_rng(5)
    query, gallery = rng.normal(size=(20, 8)), rng.normal(size=(400, 8))
    gallery[300:] = gallery[:100]
    labels = rng.integers(0, 3, 20), rng.integers(0, 3, 400)
    projection = np.linalg.qr(rng.normal(size=(8, 3)))[0]

    def made(block_bytes: int) -> PairResult:
        return score_codes(
            query, labels[0], gallery, labels[1], protocol=Protocol(), similarity=similarity,
            projection_KC=projection, block_bytes=block_bytes,
        )  # fmt: skip

    assert made(5_000).map == pytest.approx(made(2**28).map, abs=1e-9)
    gallery[7, 2] = np.nan
    with pytest.raises(DataError, match=r"gallery: codes must be finite; .* row 7:"):
        made(5_000)
