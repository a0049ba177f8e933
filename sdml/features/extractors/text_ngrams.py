"""Hashed character n-grams, by scikit-learn: no vocabulary, any language, any script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from sdml.experiment.base import Whole
from sdml.features.extractors.base import Extractor, Kind, State
from sdml.features.table import FloatArray, Item

_BLOCK_TEXTS = 4096
_Length = Annotated[Whole, Field(ge=1, le=64)]


class Ngrams(Extractor):
    """Signed counts of all character runs of ``shortest`` to ``longest`` letters in ``width`` bins.

    Lower case, accents stripped; not scaled: add ``transform: l2`` for that.
    """

    name: ClassVar[str] = "ngrams"
    kind: ClassVar[Kind] = "text"
    packages: ClassVar[tuple[str, ...]] = ("sklearn.feature_extraction.text",)

    width: Annotated[Whole, Field(ge=1, le=1 << 20)] = 1024
    shortest: _Length = 1
    longest: _Length = 3

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.shortest > self.longest:
            raise ValueError(f"shortest ({self.shortest}) must not exceed longest ({self.longest})")
        return self

    def transform(self, items: Sequence[Item], state: State) -> FloatArray:  # noqa: ARG002
        """One text for each row."""
        from sklearn.feature_extraction.text import HashingVectorizer

        vectorizer = HashingVectorizer(
            analyzer="char",
            ngram_range=(self.shortest, self.longest),
            n_features=self.width,
            strip_accents="unicode",
            norm=None,
            dtype=np.float32,
        )
        result = np.empty((len(items), self.width), dtype=np.float32)
        for start in range(0, len(items), _BLOCK_TEXTS):
            block = [str(item) for item in items[start : start + _BLOCK_TEXTS]]
            result[start : start + len(block)] = vectorizer.transform(block).toarray()
        return result
