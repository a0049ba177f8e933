"""An extractor with what it learned: stored beside the features, so new items can follow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sdml.errors import IntegrityError
from sdml.experiment import ExtractorSettings
from sdml.features.extractors import make_extractor
from sdml.features.extractors.base import Extractor, State
from sdml.features.rows import Rows, block_rows
from sdml.features.table import FloatArray, Item
from sdml.features.validation import as_float32

_JSON = "extractor.json"
_FEWEST, _MOST = 16, 256  # items extracted at a time


@dataclass(frozen=True, kw_only=True)
class FittedExtractor:
    """Settings with every option spelled out, and the state that ``fit`` returned."""

    settings: ExtractorSettings
    state: State

    @classmethod
    def fit(cls, extractor: Extractor, items: Sequence[Item]) -> FittedExtractor:
        """Fit on training items."""
        settings = ExtractorSettings(name=extractor.name, options=extractor.model_dump())
        return cls(settings=settings, state=extractor.fit(items))

    def extract(self, items: Sequence[Item], *, where: str = "extractor") -> FloatArray:
        """Finite vectors of items, float32 (N, D).

        Raises:
            DataError: an item cannot be read, or there is none.
            MissingExtraError: the extractor's packages are not installed.
        """
        extractor = make_extractor(self.settings, where=where)
        return as_float32(extractor.transform(items, self.state), where=where)

    def rows(self, items: Sequence[Item], *, where: str) -> Rows:
        """The same vectors, extracted when they are read, some items at a time.

        Raises:
            DataError: the first item cannot be read, or there is none.
            MissingExtraError: the extractor's packages are not installed.
        """
        extractor = make_extractor(self.settings, where=where)
        width = extractor.transform(items[:1], self.state).shape[1]
        step = min(max(block_rows(width), _FEWEST), _MOST)

        def read() -> Iterator[FloatArray]:
            for start in range(0, len(items), step):
                yield extractor.transform(items[start : start + step], self.state)

        return Rows((len(items), width), read, dtype=np.dtype(np.float32), where=where)


def extractor_to_objects(fitted: FittedExtractor | None) -> dict[str, bytes]:
    """``extractor.json``; it holds null when the source was vectors already."""
    data = fitted and {
        "schema": 1,
        "settings": fitted.settings.model_dump(),
        "state": fitted.state,
    }
    return {_JSON: json.dumps(data).encode()}


def extractor_from_objects(read: Callable[[str], bytes]) -> FittedExtractor | None:
    """What :func:`extractor_to_objects` wrote; ``read`` gives the bytes of a named object.

    Raises:
        IntegrityError: the object is not an extractor's.
    """
    try:
        data = json.loads(read(_JSON))
        if data is None:
            return None
        settings = ExtractorSettings.model_validate(data["settings"])
        return FittedExtractor(settings=settings, state=dict(data["state"]))
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{_JSON}: not a fitted extractor: {error!r}") from error
