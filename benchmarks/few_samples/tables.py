"""Small tables of scikit-learn whose columns come from two or three ways of measuring.

They had no part in choosing a setting: a check that what was chosen serves elsewhere. Columns are
standardised by the training samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

from benchmarks.few_samples.collection import Part, Samples, SmallCollection, few

TABLES: Mapping[str, tuple[Callable[[], Any], Mapping[str, slice]]] = {
    "iris": (load_iris, {"sepal": slice(2), "petal": slice(2, 4)}),
    "wine": (load_wine, {"acids": slice(6), "colours": slice(6, 13)}),
    "tumours": (
        load_breast_cancer,
        {"mean": slice(10), "error": slice(10, 20), "worst": slice(20, 30)},
    ),
}
_TEST = 0.4


def table(name: str, *, per_class: int, seed: int) -> SmallCollection:
    """``per_class`` training samples of each class, at most half of it; two fifths test."""
    load, views = TABLES[name]
    data = load()
    labels = data.target.astype(np.int32)
    modalities = {}
    for number, (modality, columns) in enumerate(views.items()):
        order = np.random.default_rng((seed, number)).permutation(len(labels))
        test, pool = np.split(order, [round(_TEST * len(order))])
        parts = few(
            Samples(features_ND=data.data[pool, columns], labels=labels[pool]),
            None,
            Samples(features_ND=data.data[test, columns], labels=labels[test]),
            per_class=min(per_class, np.bincount(labels).min() * 4 // 10),
            seed=seed,
        )
        modalities[modality] = _standardised(parts)
    return SmallCollection(
        name=f"{name}-{per_class}", classes=labels.max() + 1, modalities=modalities
    )


def _standardised(parts: Mapping[Part, Samples]) -> dict[Part, Samples]:
    rows_ND = parts["train"].features_ND
    middle_D, spread_D = rows_ND.mean(0), rows_ND.std(0)
    return {
        part: Samples(
            features_ND=((samples.features_ND - middle_D) / spread_D).astype(np.float32),
            labels=samples.labels,
        )
        for part, samples in parts.items()
    }
