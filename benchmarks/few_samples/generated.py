"""Collections that look like deep features, drawn from a stated model.

Every modality has latent vectors z = a·μ_y + Λ^½ε in L dimensions: class means μ of unit length in
the first ``spread`` dimensions, noise ε with variances λ_j ∝ j^-decay that sum to one, and a share
``shift`` of the samples drawn around another class's mean (an item that is hard to label: no method
can know it). Features are what a random network with two ReLU layers makes of z:

- ``image``: 4096 values, ReLU at the end with a threshold that leaves about one in five positive,
  times a gain of each sample's own: unnormalised, norm about 35, as the last layers of a
  convolutional network are;
- ``text``: 300 values, no ReLU at the end, norm about 7, as averaged word vectors are;
- ``audio``: 1024 values, ReLU at the end, scaled to unit length.

Modalities share nothing but the classes. How hard each is follows from a, which differs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.few_samples.collection import Samples, SmallCollection, few

_LATENT = 64
_POOL = 1.6  # samples drawn for training, validation and choice, a training sample
_TEST = 50


@dataclass(frozen=True, kw_only=True)
class View:
    """One modality: width, signal a, share of shifted samples, and the form of its features."""

    width: int
    signal: float
    shift: float
    form: str


@dataclass(frozen=True, kw_only=True)
class Model:
    """A family of collections."""

    name: str
    classes: int
    views: dict[str, View]
    spread: int = 32
    decay: float = 0.8


MODELS = (
    Model(
        name="articles",  # hard images, easier texts, ten classes
        classes=10,
        views={
            "image": View(width=4096, signal=0.45, shift=0.25, form="sparse"),
            "text": View(width=300, signal=0.6, shift=0.15, form="dense"),
        },
    ),
    Model(
        name="sentences",  # twenty classes, both good
        classes=20,
        views={
            "image": View(width=4096, signal=0.7, shift=0.1, form="sparse"),
            "text": View(width=300, signal=0.75, shift=0.1, form="dense"),
        },
    ),
    Model(
        name="media",  # three modalities, one of unit length
        classes=8,
        views={
            "image": View(width=4096, signal=0.5, shift=0.1, form="sparse"),
            "text": View(width=300, signal=0.45, shift=0.1, form="dense"),
            "audio": View(width=1024, signal=0.5, shift=0.1, form="unit"),
        },
    ),
)


def generated(model: Model, *, per_class: int, seed: int) -> SmallCollection:
    """One draw of a model: networks, means and samples all follow from the seed."""
    modalities = {}
    for number, (name, view) in enumerate(model.views.items()):
        draw = np.random.default_rng((seed, number, model.classes))
        means_CL = np.zeros((model.classes, _LATENT))
        directions = draw.standard_normal((model.classes, model.spread))
        means_CL[:, : model.spread] = directions / np.linalg.norm(directions, axis=1)[:, None]
        network = _Network(view, draw)
        extra = max(4, per_class // 4) + 40
        pool = _drawn(model, view, means_CL, network, per_class + extra, draw)
        test = _drawn(model, view, means_CL, network, _TEST, draw)
        modalities[name] = few(pool, None, test, per_class=per_class, seed=seed)
    return SmallCollection(
        name=f"{model.name}-{per_class}", classes=model.classes, modalities=modalities
    )


def _drawn(
    model: Model,
    view: View,
    means_CL: np.ndarray,
    network: _Network,
    per_class: int,
    draw: np.random.Generator,
) -> Samples:
    labels = np.repeat(np.arange(model.classes, dtype=np.int32), per_class)
    shown = labels.copy()
    moved = draw.random(len(labels)) < view.shift
    shown[moved] = draw.integers(model.classes, size=int(moved.sum()))
    variances = np.arange(1, _LATENT + 1) ** -model.decay
    noise = draw.standard_normal((len(labels), _LATENT)) * np.sqrt(variances / variances.sum())
    latent_NL = view.signal * means_CL[shown] + noise
    return Samples(features_ND=network(latent_NL, draw), labels=labels)


class _Network:
    """A random network of one modality."""

    def __init__(self, view: View, draw: np.random.Generator) -> None:
        wide = 512
        self._view = view
        self._first = draw.standard_normal((_LATENT, wide))
        self._second = draw.standard_normal((wide, view.width)) / np.sqrt(wide)
        # units differ in how often they fire and how strongly
        self._bias = draw.normal(0.8, 0.4, view.width)
        self._scale = np.exp(draw.normal(0, 0.5, view.width))

    def __call__(self, latent_NL: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        middle = np.maximum(latent_NL @ self._first, 0)
        middle = (middle - 0.4) / 0.58
        outputs = middle @ self._second
        if self._view.form == "dense":
            rows = outputs * self._scale
            rows *= 7 / np.sqrt(np.square(rows).sum(1).mean())
        else:
            rows = np.maximum(outputs - self._bias, 0) * self._scale
            rows *= 35 / np.sqrt(np.square(rows).sum(1).mean())
            rows *= np.exp(draw.normal(0, 0.15, (len(rows), 1)))
        if self._view.form == "unit":
            rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return np.asarray(rows, dtype=np.float32)
