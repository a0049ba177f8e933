from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import HashingVectorizer

from sdml.experiment import ExtractorSettings
from sdml.features import make_extractor
from sdml.features.extractors import text_ngrams

Extract = Callable[..., Any]
TEXTS = ["quatre", "vier", "четыре", "four", "", "Fóur"]


def test_agrees_with_scikit_learn(extract: Extract) -> None:
    oracle = HashingVectorizer(
        analyzer="char", ngram_range=(2, 4), n_features=50, norm=None, strip_accents="unicode"
    )
    vectors = extract("ngrams", TEXTS, width=50, shortest=2, longest=4)
    assert np.array_equal(vectors, oracle.transform(TEXTS).toarray())
    assert not vectors[4].any()
    assert np.array_equal(vectors[3], vectors[5])


def test_blocks_do_not_show(extract: Extract, monkeypatch: Any) -> None:
    whole = extract("ngrams", TEXTS)
    monkeypatch.setattr(text_ngrams, "_BLOCK_TEXTS", 4)
    assert np.array_equal(extract("ngrams", TEXTS), whole)
    assert whole.shape == (6, 1024)


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_text_has_the_same_vector_in_any_company(one: str, other: str) -> None:
    extractor = make_extractor(ExtractorSettings(name="ngrams", options={"width": 64}))
    alone = extractor.transform([one], {})
    assert np.array_equal(extractor.transform([other, one], {})[1:], alone)
