"""Extractors by name: raw images, texts and sounds to vectors."""

from __future__ import annotations

import importlib

from pydantic import ValidationError

from sdml.errors import DataError, MissingExtraError
from sdml.experiment import ExtractorSettings
from sdml.experiment.explain import explain
from sdml.features.extractors.audio_mfcc import Mfcc
from sdml.features.extractors.base import Extractor, Kind, State
from sdml.features.extractors.image_hog import Hog
from sdml.features.extractors.image_pixels import Pixels
from sdml.features.extractors.text_bag_of_words import BagOfWords
from sdml.features.extractors.text_ngrams import Ngrams

EXTRACTORS: dict[str, type[Extractor]] = {
    extractor.name: extractor for extractor in (Pixels, Hog, BagOfWords, Ngrams, Mfcc)
}

__all__ = ["EXTRACTORS", "Extractor", "Kind", "State", "make_extractor"]


def make_extractor(settings: ExtractorSettings, *, where: str = "extractor") -> Extractor:
    """The extractor that the settings name, its options checked.

    Raises:
        DataError: no such extractor or option, or a value that is not allowed.
        MissingExtraError: its packages are not installed.
    """
    kind = EXTRACTORS.get(settings.name)
    if kind is None:
        raise DataError(
            f"{where}: no extractor is named {settings.name!r}: use one of {', '.join(EXTRACTORS)}"
        )
    unknown = [option for option in settings.options if option not in kind.model_fields]
    if unknown:
        allowed = ", ".join(kind.model_fields) or "none"
        raise DataError(
            f"{where}: extractor {settings.name} has no option {unknown[0]!r}: allowed: {allowed}"
        )
    try:
        extractor = kind.model_validate(settings.options)
    except ValidationError as error:
        raise DataError(f"{where}: extractor {settings.name}: {explain(error, kind)}") from error
    for package in kind.packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise MissingExtraError(f"the {settings.name} extractor", "extract") from error
    return extractor
