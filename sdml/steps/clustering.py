"""Clustering scores: do the codes of all modalities together fall into the classes?

k-means of scikit-learn on the unit codes of all modalities at once, with as many clusters as there
are classes among them; then adjusted mutual information (AMI), normalised mutual information (NMI)
and the adjusted Rand index (ARI) between clusters and classes. It is one of the ways in which
methods with pairs are compared, and says something that rankings do not: whether modalities lie
apart from each other. Randomness is a fixed seed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from sdml.report import Clustering
from sdml.retrieval import cosine_representation

MOST_ITEMS = 20_000
"""Of more labelled items, so many are drawn by the seed."""

_SEED = 0
_STARTS = 10


def clustering(
    modalities: Mapping[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.integer]]],
) -> Clustering | str:
    """AMI, NMI and ARI of codes (N, K) with labels (N,); or why there are none.

    Unlabelled items are left out.
    """
    if any(labels.ndim != 1 for _, labels in modalities.values()):
        return "an item has several classes, and a cluster has one"
    try:
        from sklearn.cluster import KMeans
        from sklearn.metrics import adjusted_mutual_info_score as ami
        from sklearn.metrics import adjusted_rand_score as ari
        from sklearn.metrics import normalized_mutual_info_score as nmi
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
    except ImportError:
        return "scikit-learn is not installed: pip install 'sdml[extract]'"
    codes_NK = np.concatenate(
        [cosine_representation(codes, name) for name, (codes, _) in modalities.items()]
    )
    labels_N = np.concatenate([labels for _, labels in modalities.values()])
    rows = np.flatnonzero(labels_N >= 0)
    if len(rows) > MOST_ITEMS:
        rows = np.sort(np.random.default_rng(_SEED).choice(rows, MOST_ITEMS, replace=False))
    classes = len(np.unique(labels_N[rows]))
    different = len(np.unique(codes_NK[rows], axis=0))
    if different < classes or classes < 2:
        return f"{different} different codes cannot form {classes} clusters"
    with threadpool_limits(1):  # sums in one order: the same bits each time
        found_N = KMeans(classes, n_init=_STARTS, random_state=_SEED).fit_predict(codes_NK[rows])
    truth_N = labels_N[rows]
    return Clustering(
        clusters=classes,
        items=len(rows),
        ami=float(ami(truth_N, found_N)),
        nmi=float(nmi(truth_N, found_N)),
        ari=float(ari(truth_N, found_N)),
    )
