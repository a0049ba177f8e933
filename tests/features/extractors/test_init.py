from __future__ import annotations

import sys
from typing import Any

import pytest

from sdml.errors import DataError, MissingExtraError
from sdml.experiment import ExtractorSettings
from sdml.features import EXTRACTORS, make_extractor


def test_the_names_are_these() -> None:
    assert {name: extractor.kind for name, extractor in EXTRACTORS.items()} == {
        "pixels": "image",
        "hog": "image",
        "bag_of_words": "text",
        "ngrams": "text",
        "mfcc": "audio",
    }


@pytest.mark.parametrize("name", EXTRACTORS)
def test_defaults_are_allowed(name: str) -> None:
    assert make_extractor(ExtractorSettings(name=name)).name == name


def test_an_unknown_name() -> None:
    with pytest.raises(DataError, match="here: no extractor is named 'sift': use one of pixels, h"):
        make_extractor(ExtractorSettings(name="sift"), where="here")


def test_an_unknown_option_names_those_allowed() -> None:
    settings = ExtractorSettings(name="ngrams", options={"widht": 3})
    with pytest.raises(
        DataError, match=r"has no option 'widht': allowed: width, shortest, longest$"
    ):
        make_extractor(settings)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("pixels", {"size": 0}, "size: Input should be greater than or equal to 1, not 0"),
        ("pixels", {"size": "8"}, "size: Input should be a valid integer, not '8'"),
        ("pixels", {"size": True}, "size: Input should be a valid integer, not True"),
        ("hog", {"size": 8}, "a block of 2 cells of 8 pixels must fit into size 8"),
        ("ngrams", {"shortest": 4}, r"shortest \(4\) must not exceed longest \(3\)"),
        ("mfcc", {"sample_rate": 100}, "sample_rate: .* 4000, not 100"),
        ("mfcc", {"coefficients": 41}, "coefficients: .* 40, not 41"),
        ("bag_of_words", {"words": 1.5}, "words: .*valid integer"),
    ],
)
def test_impossible_options(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=rf"^here: extractor {name}: {message}"):
        make_extractor(ExtractorSettings(name=name, options=options), where="here")


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("pixels", "PIL"),
        ("hog", "skimage.feature"),
        ("ngrams", "sklearn.feature_extraction.text"),
        ("mfcc", "librosa"),
    ],
)
def test_packages_that_are_not_installed(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"the {name} extractor .*sdml\[extract\]"):
        make_extractor(ExtractorSettings(name=name))
