"""Real classes behind deep-like features: scikit-learn's digits, through random ReLU layers.

The left half of a picture is one modality, the upper half another, the whole a third; each is
lifted by a random layer to the width and form that deep features have. No download is needed.
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from benchmarks.few_samples.collection import Samples, SmallCollection, few

_FORMS = {"left": (4096, "sparse"), "upper": (300, "dense"), "whole": (1024, "unit")}


def lifted(*, per_class: int, seed: int) -> SmallCollection:
    """``per_class`` training samples of each digit; 600 pictures test."""
    digits = load_digits()
    pictures = digits.images / 16
    views = {"left": pictures[:, :, :4], "upper": pictures[:, :4], "whole": pictures[:, 2:6]}
    modalities = {}
    for number, (name, view) in enumerate(views.items()):
        draw = np.random.default_rng((seed, number))
        width, form = _FORMS[name]
        rows_ND = _layer(view.reshape(len(view), -1), width, form, draw)
        order = draw.permutation(len(rows_ND))
        test, pool = order[:600], order[600:]
        parts = few(
            Samples(features_ND=rows_ND[pool], labels=digits.target[pool].astype(np.int32)),
            None,
            Samples(features_ND=rows_ND[test], labels=digits.target[test].astype(np.int32)),
            per_class=min(per_class, 60),
            seed=seed,
        )
        modalities[name] = parts
    return SmallCollection(name=f"lifted-{per_class}", classes=10, modalities=modalities)


def _layer(pixels_NX: np.ndarray, width: int, form: str, draw: np.random.Generator) -> np.ndarray:
    centred = pixels_NX - pixels_NX.mean()
    weights = draw.standard_normal((pixels_NX.shape[1], width)) / np.sqrt(pixels_NX.shape[1])
    outputs = centred @ weights / centred.std()
    if form == "dense":
        rows = np.tanh(outputs)
    else:
        rows = np.maximum(outputs - draw.normal(0.8, 0.3, width), 0)
        rows *= 35 / np.sqrt(np.square(rows).sum(1).mean())
    if form == "unit":
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return np.asarray(rows, dtype=np.float32)
