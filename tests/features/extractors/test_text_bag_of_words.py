from __future__ import annotations

import pytest
from sklearn.feature_extraction.text import CountVectorizer

from sdml.errors import DataError
from sdml.experiment import ExtractorSettings
from sdml.features import make_extractor
from sdml.features.extractors import Extractor

TEXTS = ["The cat, the CAT and the dog.", "A dog's day; ein schöner Tag", "the end of the day"]


def bag(words: int) -> Extractor:
    return make_extractor(ExtractorSettings(name="bag_of_words", options={"words": words}))


def test_the_most_frequent_words_first_then_the_alphabet() -> None:
    assert bag(5).fit(TEXTS) == {"vocabulary": ["the", "cat", "day", "dog", "a"]}


def test_counts_agree_with_scikit_learn() -> None:
    extractor = bag(100)
    state = extractor.fit(TEXTS)
    oracle = CountVectorizer(vocabulary=state["vocabulary"], token_pattern=r"\w+")
    new = [*TEXTS, "the unknown zebra", ""]
    vectors = extractor.transform(new, state)
    assert vectors.tolist() == oracle.transform(new).toarray().tolist()
    assert vectors[-1].sum() == 0


def test_composed_and_decomposed_letters_are_one_word() -> None:
    extractor = bag(9)
    state = extractor.fit(["scho\u0308n"])
    assert extractor.transform(["SCH\u00d6N"], state).tolist() == [[1]]


def test_texts_without_words_are_refused() -> None:
    with pytest.raises(DataError, match="bag_of_words: the training texts must hold words"):
        bag(9).fit(["", "...", " "])
