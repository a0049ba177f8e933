"""Every method from preparation to figures, with one label a sample and with several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdml.steps.context import Context
from sdml.steps.evaluate import evaluate
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from tests.steps import tiny
from tests.steps.conftest import MakeContext

pytestmark = pytest.mark.usefixtures("plain_report")

METHODS: dict[str, dict[str, Any]] = {
    "sdml": {"method": "sdml"},
    "classifier": {"method": "classifier"},
    "classifier and decoder": {"method": "classifier", "lambda": 0.3},
}


def several_labels(folder: Path) -> None:
    """Rewrite the sources: every third sample has, and shows, the next class too."""
    for modality in ("image", "text"):
        arrays = tiny.arrays(modality)
        y = arrays["y"]
        hot = np.eye(3, dtype=np.uint8)[y]
        rows = np.arange(len(y)) % 3 == 0
        hot[rows, (y[rows] + 1) % 3] = 1
        x = arrays["X"].copy()
        means = np.stack([x[y == number].mean(axis=0) for number in range(3)])
        x[rows] += means[(y[rows] + 1) % 3]
        np.savez(folder / f"{modality}.npz", **{**arrays, "X": x, "y": hot})


def advantage(context: Context) -> float:
    """Mean average precision over all pairs, less chance."""
    evaluated = evaluate(context)
    return evaluated.mean_map - float(np.mean([pair["chance"] for pair in evaluated.pairs]))


@pytest.mark.parametrize("similarity", ["cosine", "posterior"])
@pytest.mark.parametrize("method", METHODS)
def test_above_chance(make: MakeContext, method: str, similarity: str) -> None:
    training = {"epochs": 30, **METHODS[method]}
    context = make(training=training, evaluation={"similarity": similarity})
    prepare(context)
    for modality in ("image", "text"):
        train(context, modality)
    assert advantage(context) > 0.2


@pytest.mark.parametrize("method", METHODS)
def test_several_labels_above_chance(make: MakeContext, tmp_path: Path, method: str) -> None:
    context = make(training={"epochs": 30, **METHODS[method]})
    several_labels(tmp_path)
    prepare(context)
    for modality in ("image", "text"):
        train(context, modality)
    assert advantage(context) > 0.1
