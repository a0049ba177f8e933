"""Independent classifiers: logistic regression of each modality alone, ranked by class posteriors.

Not a method of a paper, but the plainest answer that is trained like SDML: one modality knows
nothing of the others. Multinomial logistic regression (scikit-learn), C chosen for each modality
on validation accuracy; the inner product of two posteriors is the probability that one class
drawn from each is the same. ``benchmarks.quality`` reports the same numbers. With several labels:
one binary regression for each class, C chosen on the validation likelihood; the inner product of
their probabilities is the number of labels that two items are expected to share.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from benchmarks.peers.peer import Map, Peer, Projector, Ranking
from benchmarks.peers.views import FloatArray, Labels, Views
from benchmarks.quality import REGULARISATION

_ROUNDS = 3000


@dataclass(frozen=True, kw_only=True)
class Classifier(Peer):
    """Grid: C of logistic regression, as in ``benchmarks.quality``."""

    name: ClassVar[str] = "classifier"
    version: ClassVar[int] = 2
    paper: ClassVar[str] = "independent logistic regression"
    joint: ClassVar[bool] = False
    multi_label: ClassVar[bool] = True
    rankings: ClassVar[tuple[Ranking, ...]] = ("inner",)

    grid: tuple[float, ...] = REGULARISATION

    def quick(self) -> Self:
        """C = 1."""
        return replace(self, grid=(1.0,))

    def _fit(self, train: Views, validation: Views, classes: int, seed: int) -> Projector:
        maps: dict[str, Map] = {}
        chosen: dict[str, object] = {}
        for name in train.modalities:
            fit = _fit_several if train.labels[name].ndim == 2 else _fit_one
            fitted = []
            for c in self.grid:
                posterior, reached = fit(
                    train.features[name],
                    train.labels[name],
                    validation.features[name],
                    validation.labels[name],
                    (c, classes, seed),
                )
                fitted.append((reached, -c, posterior))
            best = max(fitted, key=lambda entry: entry[:2])
            maps[name], chosen[f"C/{name}"] = best[2], -best[1]
        return Projector(maps=maps, chosen=chosen)


Fitted = tuple[Callable[[FloatArray], FloatArray], float]


def _fit_one(
    x: FloatArray, y: Labels, x_val: FloatArray, y_val: Labels, setting: tuple[float, int, int]
) -> Fitted:
    c, classes, seed = setting
    model = LogisticRegression(C=c, max_iter=_ROUNDS, random_state=seed).fit(x, y)

    def posterior(features_ND: FloatArray) -> FloatArray:
        rows_NC = np.zeros((len(features_ND), classes), dtype=np.float32)
        rows_NC[:, model.classes_] = model.predict_proba(features_ND)
        return rows_NC

    return posterior, float(model.score(x_val, y_val))


def _fit_several(
    x: FloatArray, y: Labels, x_val: FloatArray, y_val: Labels, setting: tuple[float, int, int]
) -> Fitted:
    c, classes, seed = setting
    present = np.flatnonzero(y.any(axis=0) & ~y.all(axis=0))
    model = OneVsRestClassifier(LogisticRegression(C=c, max_iter=_ROUNDS, random_state=seed)).fit(
        x, y[:, present]
    )

    def probabilities(features_ND: FloatArray) -> FloatArray:
        rows_NC = np.zeros((len(features_ND), classes), dtype=np.float32)
        rows_NC[:, y.all(axis=0)] = 1
        # of a single class scikit-learn gives two columns: without it, and with it
        rows_NC[:, present] = model.predict_proba(features_ND)[:, -len(present) :]
        return rows_NC

    p = probabilities(x_val)[:, present].astype(np.float64)
    truth: Any = y_val[:, present]
    likelihood = np.log(np.clip(np.where(truth > 0, p, 1 - p), 1e-12, None)).mean()
    return probabilities, float(likelihood) if math.isfinite(likelihood) else -math.inf
