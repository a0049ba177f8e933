"""Word counts over the most frequent words of the training texts."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sdml.errors import DataError
from sdml.experiment.base import Whole
from sdml.features.extractors.base import Extractor, Kind, State
from sdml.features.table import FloatArray, Item

_WORD = re.compile(r"\w+")


class BagOfWords(Extractor):
    """Counts of the ``words`` most frequent training words; equal counts go by the alphabet.

    Words are runs of letters, digits and underscores, without regard to case.
    """

    name: ClassVar[str] = "bag_of_words"
    kind: ClassVar[Kind] = "text"
    learns: ClassVar[bool] = True

    words: Annotated[Whole, Field(ge=1)] = 3000

    def fit(self, items: Sequence[Item]) -> State:
        """The vocabulary, most frequent word first."""
        counts = Counter(word for item in items for word in _words(item))
        if not counts:
            raise DataError("bag_of_words: the training texts must hold words, but they hold none")
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return {"vocabulary": ranked[: self.words]}

    def transform(self, items: Sequence[Item], state: State) -> FloatArray:
        """One text for each row, one word of the vocabulary for each column."""
        position = {word: column for column, word in enumerate(state["vocabulary"])}
        result = np.zeros((len(items), len(position)), dtype=np.float32)
        for row, item in enumerate(items):
            for word in _words(item):
                if (column := position.get(word)) is not None:
                    result[row, column] += 1
        return result


def _words(item: Item) -> Iterator[str]:
    text = unicodedata.normalize("NFC", str(item)).casefold()
    return (match[0] for match in _WORD.finditer(text))
