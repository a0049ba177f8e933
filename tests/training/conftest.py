"""A small modality: four classes around their centres, with a few unlabelled samples."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sdml.experiment import TrainingSettings
from sdml.training import TrainingData
from sdml.training.threads import thread_count
from tests.training.trainee import SETTINGS, modality


@pytest.fixture
def data() -> TrainingData:
    """300 training and 60 validation samples of 20 features."""
    return modality(features=20, seed=0)


@pytest.fixture
def settings() -> TrainingSettings:
    """Small and quick."""
    return SETTINGS


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small products are slow on more threads than the machine has idle cores."""
    with thread_count(1):
        yield
