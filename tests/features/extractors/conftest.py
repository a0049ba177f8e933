from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sdml.experiment import ExtractorSettings
from sdml.features import make_extractor

Floats = npt.NDArray[np.float32]


@pytest.fixture
def extract() -> Callable[..., Floats]:
    """Vectors of items by an extractor that needs no training."""

    def call(name: str, items: list[str | Path], **options: Any) -> Floats:
        extractor = make_extractor(ExtractorSettings(name=name, options=options))
        vectors = extractor.transform(items, extractor.fit(items))
        assert vectors.dtype == np.float32
        assert np.array_equal(vectors, extractor.transform(items, extractor.fit(items)))
        return vectors

    return call
