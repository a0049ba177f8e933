from __future__ import annotations

from typing import Any

import pytest

from sdml.errors import UserError
from sdml.retrieval.protocol import Protocol


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("top_k", 0),
        ("top_k", True),
        ("top_k", 1.5),
        ("denominator", "all"),
        ("empty_query", "nan"),
        ("relevance", "most"),
    ],
)
def test_values_outside_the_closed_sets_are_refused(name: str, value: Any) -> None:
    with pytest.raises(UserError, match=name):
        Protocol(**{name: value})


def test_the_reference_differs_for_several_labels_only_in_empty_queries() -> None:
    single = Protocol.reference(50, multi_label=False)
    several = Protocol.reference(50, multi_label=True)
    assert (single.denominator, single.empty_query) == ("hits", "zero")
    assert (several.denominator, several.empty_query) == ("hits", "skip")
    assert single.relevance == several.relevance == "any"
