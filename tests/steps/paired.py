"""Pairs of image and text: two views of the same items, which have more in common than a class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

PARTNER: dict[str, Any] = {"method": "mtls", "mtls": {"partner": "image"}}


def arrays() -> dict[str, dict[str, Any]]:
    """300 items of five classes, as sources of both modalities have them."""
    draw = np.random.default_rng(0)
    y = np.arange(300) % 5
    items = draw.normal(size=(5, 8))[y] + draw.normal(size=(300, 8))
    split = np.repeat([0, 1, 2], [180, 60, 60])
    views = {
        name: np.tanh(items @ draw.normal(size=(8, width))) + 0.1 * draw.normal(size=(300, width))
        for name, width in (("image", 20), ("text", 12))
    }
    return {n: {"X": x.astype(np.float32), "y": y, "split": split} for n, x in views.items()}


def write_sources(folder: Path, **changes: dict[str, Any]) -> None:
    """``<modality>.npz`` for both; ``changes`` replace arrays of a modality."""
    for name, made in arrays().items():
        np.savez(folder / f"{name}.npz", **{**made, **changes.get(name, {})})


def sections(**text: Any) -> dict[str, Any]:
    """Sections of the experiment file: text is trained against image; ``text`` changes that."""
    training = {"epochs": 40, "hidden": [64], "batch_size": 60, "learning_rate": 2e-3}
    return {"training": training, "modalities": {"text": {**PARTNER, **text}}}
