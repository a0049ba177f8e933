from __future__ import annotations

import numpy as np
import pytest

from sdml.report.document import History
from sdml.retrieval.cross_modal import CrossModalResult, evaluate
from sdml.retrieval.protocol import Protocol
from sdml.retrieval.similarity import Similarity

CLASSES = ("cat", "<script>alert(1)</script>", "tea & cake")


def evaluated(sizes: dict[str, int], similarities: list[Similarity]) -> CrossModalResult:
    rng = np.random.default_rng(0)
    projection = np.linalg.qr(rng.normal(size=(8, 3)))[0]
    data = {}
    for name, items in sizes.items():
        labels = rng.integers(0, 3, items)
        data[name] = (projection.T[labels] + 0.3 * rng.normal(size=(items, 8)), labels)
    return evaluate(
        data,
        protocol=Protocol(),
        projection_KC=projection,
        classes=CLASSES,
        similarities=similarities,
    )


@pytest.fixture(scope="session")
def evaluation() -> CrossModalResult:
    return evaluated({"image": 30, "text": 25, "audio": 9}, ["cosine", "posterior"])


@pytest.fixture(scope="session")
def small() -> CrossModalResult:
    return evaluated({"image": 9, "text": 8}, ["cosine"])


@pytest.fixture(scope="session")
def histories() -> dict[str, History]:
    supervised = [0.9, 0.5, 0.7]
    return {
        "image": [
            {
                "epoch": epoch,
                "train_loss": 10.0 / epoch,
                "validation_loss": 11.0 / epoch,
                "train_supervised": 1.0 / epoch,
                "validation_supervised": value,
            }
            for epoch, value in enumerate(supervised, start=1)
        ]
    }
