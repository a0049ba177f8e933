"""One cell: one variant on one draw of a collection, through the product's own training."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.few_samples.collection import Part, Samples, SmallCollection
from benchmarks.few_samples.variants import Variant
from benchmarks.peers.sdml_peer import encoder_map, subspace_of
from benchmarks.quality import classify
from sdml.experiment import SubspaceSettings, TrainingSettings
from sdml.features import Split
from sdml.retrieval import Protocol, evaluate, score
from sdml.training import TrainingData, fit


def run(
    small: SmallCollection, variant: Variant | None, *, seed: int, part: Part
) -> dict[str, Any]:
    """mAP@all over all ordered pairs by similarity, epochs and CPU seconds; None is the peer."""
    start = time.process_time()
    made = _peer(small, part) if variant is None else _product(small, variant, seed, part)
    return {**made, "seconds": time.process_time() - start}


def _product(small: SmallCollection, variant: Variant, seed: int, part: Part) -> dict[str, Any]:
    asked = SubspaceSettings.model_validate({**variant.subspace, "seed": seed})
    projection_KC = subspace_of(asked, [str(c) for c in range(small.classes)]).projection_KC
    codes, epochs = {}, {}
    for name, parts in small.modalities.items():
        settings = TrainingSettings.model_validate({**variant.training, "seed": seed})
        fitted = fit(
            TrainingData(
                features_ND=parts["train"].features_ND,
                labels=parts["train"].labels,
                validation_features_ND=parts["validation"].features_ND,
                validation_labels=parts["validation"].labels,
            ),
            projection_KC,
            settings,
            threads=1,
        )
        epochs[name] = fitted.best_epoch
        features_ND = parts[part].features_ND
        embed = encoder_map(fitted, features_ND.shape[1], settings)
        codes[name] = embed(features_ND), parts[part].labels
    found = evaluate(codes, protocol=Protocol(), projection_KC=projection_KC, threads=1)
    maps = {similarity: found.mean_map(similarity) for similarity in found.similarities}
    return {"maps": maps, "epochs": epochs}


def _peer(small: SmallCollection, part: Part) -> dict[str, Any]:
    """Logistic regression for each modality, as in ``benchmarks.quality``."""
    posteriors = {}
    for name, parts in small.modalities.items():
        splits = {
            "train": _split(parts["train"]),
            "validation": _split(parts["validation"]),
            "test": _split(parts[part]),
        }
        posteriors[name] = classify(splits), parts[part].labels
    pairs = [
        score(one[0], other[0], one[1], other[1], Protocol()).map
        for query, one in posteriors.items()
        for gallery, other in posteriors.items()
        if query != gallery
    ]
    return {"maps": {"posterior": float(np.mean(pairs))}, "epochs": {}}


def _split(samples: Samples) -> Split:
    return Split(features_ND=samples.features_ND, labels=samples.labels)
