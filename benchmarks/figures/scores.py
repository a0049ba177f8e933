"""What encoders, or classifiers, of a collection score: plain JSON, for cells.

``{similarity: {"mean": mAP@all, "chance": …, "pairs": {"image to text": {"map": …, "recall": …,
"scope": …, "scopes": …}}}}``: precision at each of :data:`sdml.retrieval.curves.RECALL_LEVELS`, and
among the first K for each K of ``scopes``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.peers.classifier import Classifier
from benchmarks.peers.collection import read_views
from benchmarks.peers.scoring import direction_scores
from sdml.experiment import SplitName
from sdml.retrieval import RetrievalScores, evaluate
from sdml.retrieval.direction import PairResult
from sdml.steps.context import Context, read_subspace
from sdml.steps.encoders import codes_of, open_encoder, same_subspace
from sdml.steps.evaluate import protocol_of
from sdml.steps.prepare import Prepared

PEER = "logistic-regression"
SPLITS: tuple[SplitName, ...] = ("validation", "test")
Scores = dict[str, dict[str, Any]]
Codes = Mapping[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]]


def of_encoders(context: Context, encoders: Iterable[str], split: SplitName = "test") -> Scores:
    """Of stored encoders, one of each modality, given by URI."""
    versions = [context.catalog.get(uri) for uri in encoders]
    subspace = read_subspace(context.catalog, same_subspace(context, versions))
    embedded = {}
    for version in versions:
        encoder = open_encoder(context, version)
        codes_NK, part = codes_of(context, encoder, split)
        embedded[encoder.modality] = codes_NK, part.labels
    return of_codes(context, embedded, subspace.projection_KC)


def of_codes(context: Context, codes: Codes, projection_KC: npt.NDArray[np.float32]) -> Scores:
    """Of codes (N, K) and labels by modality, under the experiment's protocol and similarities."""
    settings = context.experiment.evaluation
    multi_label = any(labels.ndim == 2 for _, labels in codes.values())
    result = evaluate(
        codes,
        protocol=protocol_of(settings, multi_label=multi_label),
        projection_KC=projection_KC,
        similarities=settings.similarity,
    )
    return {
        similarity: _told({(p.query, p.gallery): p for p in result.of(similarity)})
        for similarity in result.similarities
    }


def of_classifiers(context: Context, prepared: Prepared) -> Scores:
    """Of logistic regression for each modality, as ``benchmarks.peers`` trains and ranks it."""
    train, validation, test = (
        read_views(context, prepared.features, split) for split in ("train", "validation", "test")
    )
    subspace = read_subspace(context.catalog, context.catalog.get(prepared.subspace))
    fitted = Classifier().fit(train, validation, len(subspace.classes), seed=0)
    protocol = protocol_of(context.experiment.evaluation, multi_label=train.multi_label)
    return {"posterior": _told(direction_scores(fitted, test, "inner", protocol))}


def _told(pairs: Mapping[tuple[str, str], PairResult | RetrievalScores]) -> dict[str, Any]:
    return {
        "mean": float(np.mean([pair.map for pair in pairs.values()])),
        "chance": float(np.mean([pair.chance for pair in pairs.values()])),
        "pairs": {
            f"{query} to {gallery}": {
                "map": pair.map,
                "recall": list(pair.curves.precision_at_recall),
                "scope": list(pair.curves.precision_at_scope),
                "scopes": list(pair.curves.scopes),
            }
            for (query, gallery), pair in pairs.items()
        },
    }
