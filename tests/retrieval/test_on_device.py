from __future__ import annotations

from dataclasses import fields
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdml.retrieval.average_precision import RetrievalScores, score
from sdml.retrieval.cross_modal import evaluate
from sdml.retrieval.protocol import EmptyQuery, Protocol
from sdml.retrieval.similarity import cosine_representation


def assert_same(made: RetrievalScores, wanted: RetrievalScores, tolerance: float) -> None:
    for field in fields(RetrievalScores):
        if field.name == "curves":
            for name in ("precision_at_recall", "precision_at_scope"):
                np.testing.assert_allclose(
                    getattr(made.curves, name), getattr(wanted.curves, name), atol=tolerance
                )
        else:
            np.testing.assert_allclose(
                getattr(made, field.name), getattr(wanted, field.name), atol=tolerance
            )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 130),
    st.integers(1, 60),
    st.booleans(),
    st.sampled_from([1, 40_000, 2**28]),
    st.integers(0, 2**32 - 1),
)
def test_ties_and_all(
    queries: int, gallery: int, top_k: int, several: bool, block_bytes: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    # Small whole numbers make products exact and ties frequent.
    query, items = (rng.integers(-1, 2, (n, 2)).astype(np.float32) for n in (queries, gallery))
    shape: tuple[int, ...] = (3,) if several else ()
    low, high = (0, 2) if several else (-1, 3)
    wanted, held = (rng.integers(low, high, (n, *shape)) for n in (queries, gallery))
    for empty in get_args(EmptyQuery):
        protocol = Protocol(top_k=top_k, empty_query=empty)
        made = score(query, items, wanted, held, protocol, block_bytes=block_bytes, device="cpu")
        assert_same(made, score(query, items, wanted, held, protocol), 1e-12)


def test_a_thousand_items() -> None:
    rng = np.random.default_rng(0)
    query, gallery = (cosine_representation(rng.normal(size=(n, 64))) for n in (60, 1500))
    gallery[700:800] = gallery[:100]
    wanted, held = rng.integers(0, 5, 60), rng.integers(0, 5, 1500)
    made = score(query, gallery, wanted, held, Protocol(), device="cpu")
    assert_same(made, score(query, gallery, wanted, held, Protocol()), 1e-6)


def test_evaluate_hands_the_device_on() -> None:
    rng = np.random.default_rng(1)
    modalities = {
        name: (rng.normal(size=(30, 4)), rng.integers(0, 3, 30)) for name in ("image", "text")
    }
    plain = evaluate(modalities, protocol=Protocol(), similarities=["cosine"])
    made = evaluate(modalities, protocol=Protocol(), similarities=["cosine"], device="cpu")
    for ours, theirs in zip(made.pairs, plain.pairs, strict=True):
        assert ours.map == pytest.approx(theirs.map, abs=1e-6)
