"""mAP@all of a trained method in every direction, by the metric of the product."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import torch

from benchmarks.peers.peer import Projector, Ranking
from benchmarks.peers.views import FloatArray, Views
from sdml.retrieval import Protocol, RetrievalScores, score
from sdml.retrieval.direction import represent
from sdml.retrieval.relevance import several_labels

Pair = tuple[str, str]


def direction_scores(
    projector: Projector, views: Views, ranking: Ranking, protocol: Protocol
) -> dict[Pair, RetrievalScores]:
    """The scores of each ordered pair of the views' modalities.

    Raises:
        DataError: a code is not finite.
    """
    rows = {name: _rows(projector, name, views, ranking) for name in views.modalities}
    threads = torch.get_num_threads()
    return {
        (query, gallery): score(
            rows[query],
            rows[gallery],
            views.labels[query],
            views.labels[gallery],
            protocol,
            threads=threads,
        )
        for query, gallery in permutations(views.modalities, 2)
    }


def validation_map(projector: Projector, validation: Views) -> float:
    """The measure that selects hyper-parameters and epochs: mean mAP@all under the cosine."""
    scores = direction_scores(projector, validation, "cosine", Protocol())
    return float(np.mean([one.map for one in scores.values()]))


def _rows(projector: Projector, name: str, views: Views, ranking: Ranking) -> FloatArray:
    """Rows whose inner product ranks."""
    codes_NK = projector.embed(name, views.features[name])
    if ranking == "inner":
        return codes_NK.astype(np.float32)
    return represent(
        codes_NK,
        ranking,
        projection_KC=projector.projection_KC,
        multi_label=several_labels(views.labels[name]),
        what=name,
    )
