"""What an evaluation finds beside average precision, for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sdml.errors import DataError
from sdml.experiment import EvaluationSettings
from sdml.features import Split
from sdml.report import Example, Extras
from sdml.retrieval import CrossModalResult, QuerySample
from sdml.retrieval.recall import recall_between
from sdml.retrieval.relevance import several_labels
from sdml.steps.clustering import clustering
from sdml.steps.context import Context
from sdml.steps.encoders import OpenEncoder
from sdml.steps.examples import Gallery, examples, previews_of
from sdml.steps.partner import first_difference
from sdml.subspace import Subspace

Labelled = Mapping[str, tuple[np.ndarray, np.ndarray]]


def extras_of(
    context: Context,
    encoders: Sequence[OpenEncoder],
    embedded: Mapping[str, tuple[np.ndarray, Split]],
    result: CrossModalResult,
    subspace: Subspace,
    settings: EvaluationSettings,
) -> Extras:
    """Recall and median rank, clustering scores, and examples.

    Args:
        context: the experiment and its store.
        encoders: those evaluated.
        embedded: codes (N, K) of each modality and the split they are of.
        result: their average precision.
        subspace: of the codes.
        settings: how they were evaluated.

    Raises:
        DataError: recall of pairs is asked for, and the rows cannot be pairs.
    """
    labelled = {name: (codes_NK, split.labels) for name, (codes_NK, split) in embedded.items()}
    asked = settings.sample
    recall = recall_between(
        numbered(labelled) if settings.recall == "pair" else labelled,
        protocol=result.protocol,
        similarities=result.similarities,
        projection_KC=subspace.projection_KC,
        multi_label={name: several_labels(labels) for name, (_, labels) in labelled.items()},
        sample=QuerySample(queries=asked.queries, seed=asked.seed) if asked else None,
        block_bytes=settings.block_mebibytes * 2**20,
    )
    shown: tuple[Example, ...] = ()
    if settings.examples:
        versions = {encoder.modality: encoder.version for encoder in encoders}
        galleries = {
            name: Gallery(
                codes_NK=codes_NK,
                split=split,
                previews=previews_of(context, versions[name]) if settings.split == "test" else None,
            )
            for name, (codes_NK, split) in embedded.items()
        }
        shown = examples(
            galleries,
            subspace,
            similarity=result.similarities[0],
            protocol=result.protocol,
            count=settings.examples,
        )
    return Extras(
        recall=recall,
        pairs=settings.recall == "pair",
        clustering=clustering(labelled),
        examples=shown,
    )


def numbered(labelled: Labelled) -> Labelled:
    """The same codes with the number of its row as each item's label: only pairs are relevant.

    Raises:
        DataError: the rows cannot be pairs: their numbers differ, or their labels do.
    """
    (first, (_, labels)), *others = labelled.items()
    for name, (_, own) in others:
        if len(own) != len(labels):
            raise DataError(
                "evaluation.recall: pair takes row i of each modality for the same item, but "
                f"{first} has {len(labels)} rows to evaluate and {name} {len(own)}: give all the "
                "same items with the same split, or say recall: class"
            )
        row = first_difference(labels, own)
        if row is not None:
            raise DataError(
                "evaluation.recall: pair takes row i of each modality for the same item, but row "
                f"{row} (counted from 0) has another label in {first} than in {name}: bring the "
                "sources into the same order, or say recall: class"
            )
    return {name: (codes_NK, np.arange(len(codes_NK))) for name, (codes_NK, _) in labelled.items()}
