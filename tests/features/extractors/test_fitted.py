from __future__ import annotations

import numpy as np
import pytest

from sdml.errors import DataError, IntegrityError
from sdml.experiment import ExtractorSettings
from sdml.features import (
    FittedExtractor,
    extractor_from_objects,
    extractor_to_objects,
    make_extractor,
)


@pytest.fixture
def fitted() -> FittedExtractor:
    extractor = make_extractor(ExtractorSettings(name="bag_of_words"))
    return FittedExtractor.fit(extractor, ["ä b b", "c \ud800"])


def test_every_option_is_spelled_out(fitted: FittedExtractor) -> None:
    assert fitted.settings.options == {"words": 3000}


def test_survives_storage(fitted: FittedExtractor) -> None:
    objects = extractor_to_objects(fitted)
    assert list(objects) == ["extractor.json"]
    loaded = extractor_from_objects(objects.__getitem__)
    assert loaded == fitted
    assert loaded is not None
    assert loaded.extract(["b ä"]).tolist() == [[1, 0, 1]]
    assert loaded.extract(["b ä"]).dtype == np.float32


def test_no_extractor_is_stored_as_null() -> None:
    objects = extractor_to_objects(None)
    assert objects == {"extractor.json": b"null"}
    assert extractor_from_objects(objects.__getitem__) is None


@pytest.mark.parametrize("damaged", [b"", b"[]", b"{}", b'{"settings": {}, "state": {}}', b"\xff"])
def test_damaged(damaged: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"extractor\.json: not a fitted extractor"):
        extractor_from_objects({"extractor.json": damaged}.__getitem__)


def test_no_items(fitted: FittedExtractor) -> None:
    with pytest.raises(DataError, match=r"here: features must be 2-D .* at least one"):
        fitted.extract([], where="here")
