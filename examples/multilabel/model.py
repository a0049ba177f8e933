"""The generative model of the multi-label collection, and what can be known of it at best.

Labels: y ∈ {0, 1}^C with independent classes of prevalence π_c (falling as a power of the class's
number), drawn again until one is present. An item has one y and a vector in each modality, so items
are paired. Modality m sees of class c the number s_c = a_m·y_c + n_c with n_c ~ N(0, 1), beside
nuisance u ~ N(0, I), all turned by a fixed matrix of orthonormal columns and bent by a function
that can be undone: x = φ(Q [s; u]), φ the leaky rectifier.

Since Q and φ can be undone, s can be had from x, and with it the posterior of the labels without
the condition that one is present: p_c = σ(logit π_c + a·s_c − a²/2). With it, two items share a
class with probability (1 − Π_c (1 − p_c q_c)) / (Z_p Z_q), Z_p = 1 − Π_c (1 − p_c). Ranking by that
probability is the best that can be done (the probability ranking principle: Robertson, 1977), so
its mAP is the ceiling of every method, but for the luck of a finite test split.

Letters: N samples, C classes, U nuisance numbers, D features, Q queries, G gallery items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_SLOPE = 0.2  # of the leaky rectifier below zero
_STEEPNESS = 0.8  # of the prevalences' power law
_NUISANCE = 32


@dataclass(frozen=True, kw_only=True)
class Modality:
    """How one modality shows the labels.

    Attributes:
        features: D.
        evidence: a, how far a present class stands out of the noise.
        turned: float32 (D, C + U), orthonormal columns.
    """

    features: int
    evidence: float
    turned: Floats


def prevalences(classes: int, labels_an_item: float) -> npt.NDArray[np.float64]:
    """π, float64 (C,), none above one half, that add up to ``labels_an_item``.

    Raises:
        ValueError: so many labels an item cannot be.
    """
    if not 0 < labels_an_item < classes / 2:
        raise ValueError(f"labels an item must be between 0 and {classes / 2:g}")
    falling = (1 + np.arange(classes)) ** -_STEEPNESS
    low, high = 0.0, labels_an_item / falling[-1]
    for _ in range(100):  # bisection: the sum of the capped prevalences grows with the factor
        middle = (low + high) / 2
        if np.minimum(middle * falling, 0.5).sum() < labels_an_item:
            low = middle
        else:
            high = middle
    return np.asarray(np.minimum(high * falling, 0.5))


def modality(
    features: int, evidence: float, classes: int, generator: np.random.Generator
) -> Modality:
    """A modality with a turn of its own.

    Raises:
        ValueError: too few features for the classes.
    """
    hidden = classes + _NUISANCE
    if features < hidden:
        raise ValueError(f"features must be at least {hidden}, the classes and {_NUISANCE} more")
    turned, _ = np.linalg.qr(generator.standard_normal((features, hidden)))
    return Modality(features=features, evidence=evidence, turned=turned.astype(np.float32))


def draw_labels(
    samples: int, prevalence_C: npt.NDArray[np.float64], generator: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """uint8 (N, C), at least one class in each row."""
    rows = np.empty((0, len(prevalence_C)), dtype=np.uint8)
    while len(rows) < samples:
        drawn = generator.random((samples, len(prevalence_C))) < prevalence_C
        rows = np.concatenate([rows, drawn[drawn.any(axis=1)].astype(np.uint8)])
    return rows[:samples]


def draw_features(
    labels_NC: npt.NDArray[np.uint8], seen_by: Modality, generator: np.random.Generator
) -> Floats:
    """float32 (N, D)."""
    hidden = generator.standard_normal((len(labels_NC), seen_by.turned.shape[1]), dtype=np.float32)
    hidden[:, : labels_NC.shape[1]] += np.float32(seen_by.evidence) * labels_NC
    x = hidden @ seen_by.turned.T
    return np.where(x < 0, np.float32(_SLOPE) * x, x)


def posteriors(
    features_ND: Floats, seen_by: Modality, prevalence_C: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """p, float64 (N, C): of each class, before it is known that one is present."""
    x = features_ND.astype(np.float64)
    hidden = np.where(x < 0, x / _SLOPE, x) @ seen_by.turned
    a = seen_by.evidence
    seen = np.log(prevalence_C / (1 - prevalence_C)) + a * hidden[:, : len(prevalence_C)]
    return np.asarray(1 / (1 + np.exp(a**2 / 2 - seen)))


def relevance(
    query_C: npt.NDArray[np.float64], gallery_GC: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Probability that a query shares a class with each gallery item, up to the query's factor."""
    share_G = -np.expm1(np.log1p(-query_C * gallery_GC).sum(axis=1))
    some_G = -np.expm1(np.log1p(-gallery_GC).sum(axis=1))
    return np.asarray(share_G / some_G)
