from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdml.retrieval.average_precision import score
from sdml.retrieval.curves import RECALL_LEVELS, expected_average_precision, scopes_for
from sdml.retrieval.protocol import Protocol


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, 70), st.booleans(), st.integers(0, 2**32 - 1))
def test_curves_follow_their_definitions(queries: int, gallery: int, skip: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    query_QK, gallery_GK = rng.normal(size=(queries, 4)), rng.normal(size=(gallery, 4))
    query_Q, gallery_G = rng.integers(0, 4, queries), rng.integers(0, 3, gallery)
    protocol = Protocol(empty_query="skip" if skip else "zero")
    curves = score(query_QK, gallery_GK, query_Q, gallery_G, protocol).curves
    recall_rows, scope_rows = [], []
    for row in range(queries):
        order = np.argsort(-(gallery_GK @ query_QK[row]))
        relevant = gallery_G[order] == query_Q[row]
        if skip and not relevant.any():
            continue
        hits = np.cumsum(relevant)
        precision = hits / np.arange(1, gallery + 1)
        total = int(hits[-1])
        # Recall reaches level l / 10 where 10 * hits >= l * total, at a relevant rank.
        recall_rows.append(
            [
                max(precision[relevant & (10 * hits >= level * total)], default=0.0)
                for level in range(11)
            ]
        )
        scope_rows.append([hits[scope - 1] / scope for scope in curves.scopes])
    if not recall_rows:
        assert set(curves.precision_at_recall + curves.precision_at_scope) == {0.0}
        return
    assert curves.recall_levels == RECALL_LEVELS
    np.testing.assert_allclose(curves.precision_at_recall, np.mean(recall_rows, axis=0))
    np.testing.assert_allclose(curves.precision_at_scope, np.mean(scope_rows, axis=0))


def test_scopes_stop_at_the_gallery() -> None:
    assert scopes_for(4) == (1,)
    assert scopes_for(10**6)[-1] == 1000


@pytest.mark.parametrize(("relevant", "gallery"), [(1, 1), (1, 7), (3, 7), (7, 7), (20, 150)])
def test_chance_is_what_random_rankings_score(relevant: int, gallery: int) -> None:
    rng = np.random.default_rng(0)
    rounds = 4000
    order = np.argsort(rng.random((rounds, gallery)), axis=1)
    hit = order < relevant
    precision = np.cumsum(hit, axis=1) / np.arange(1, gallery + 1)
    simulated = (precision * hit).sum(axis=1) / relevant
    expected = expected_average_precision(np.array([relevant]), gallery)[0]
    error = 5 * simulated.std() / np.sqrt(rounds) + 1e-12
    assert simulated.mean() == pytest.approx(expected, abs=error)


def test_chance_of_a_direction_counts_queries_like_its_mean() -> None:
    query_Q, gallery_G = np.array([0, 0, 1, 9]), np.array([0, 0, 1, 1, 1, 2])
    each = expected_average_precision(np.array([2, 2, 3, 0]), 6)
    codes = np.ones((4, 1)), np.ones((6, 1))
    zero = score(*codes, query_Q, gallery_G, Protocol())
    skip = score(*codes, query_Q, gallery_G, Protocol(empty_query="skip"))
    assert zero.chance == pytest.approx(each.mean())
    assert skip.chance == pytest.approx(each[:3].mean())
