"""Retrieval between every ordered pair of different modalities of one collection."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from sdml.errors import DataError, UserError
from sdml.retrieval.average_precision import BLOCK_BYTES
from sdml.retrieval.direction import PairResult, rows_of, score_direction
from sdml.retrieval.interval import Interval
from sdml.retrieval.protocol import Protocol
from sdml.retrieval.relevance import several_labels
from sdml.retrieval.similarity import (
    SIMILARITIES,
    Similarity,
    checked_projection,
    projection_temperature,
)


@dataclass(frozen=True, kw_only=True)
class CrossModalResult:
    """All directions of a collection.

    ``sizes`` gives the number of items of each modality, in the order of the report.
    ``temperature`` is that of the posterior similarity, None if it was not asked for. ``pairs``
    holds every ordered pair i ≠ j under every similarity. ``mean_intervals`` has the 95 % interval
    of each ``mean_map``, if the queries are a sample.
    """

    protocol: Protocol
    similarities: tuple[Similarity, ...]
    sizes: dict[str, int]
    classes: tuple[str, ...] | None
    temperature: float | None
    pairs: tuple[PairResult, ...]
    mean_intervals: dict[Similarity, Interval] = field(default_factory=dict)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the order of the report."""
        return tuple(self.sizes)

    def of(self, similarity: Similarity) -> tuple[PairResult, ...]:
        """The pairs under one similarity, query by query."""
        return tuple(pair for pair in self.pairs if pair.similarity == similarity)

    def pair(self, query: str, gallery: str, similarity: Similarity) -> PairResult:
        """One direction. Raises UserError if it was not evaluated."""
        for pair in self.of(similarity):
            if (pair.query, pair.gallery) == (query, gallery):
                return pair
        raise UserError(
            f"a direction must be one of those evaluated; received {query} to {gallery} "
            f"({similarity}): evaluated were {', '.join(self.modalities)} "
            f"with {', '.join(self.similarities)}"
        )

    def mean_map(self, similarity: Similarity) -> float:
        """Mean of ``map`` over the ordered pairs i ≠ j, each counting once."""
        return float(np.mean([pair.map for pair in self.of(similarity)]))

    def mean_map_at_k(self, similarity: Similarity) -> float:
        """Mean of ``map_at_k`` over the ordered pairs i ≠ j, each counting once."""
        return float(np.mean([pair.map_at_k for pair in self.of(similarity)]))

    def mean_chance(self) -> float:
        """Mean of ``chance`` over the ordered pairs; it does not depend on the similarity."""
        return float(np.mean([pair.chance for pair in self.of(self.similarities[0])]))


def evaluate(
    modalities: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    protocol: Protocol,
    projection_KC: np.ndarray | None = None,
    classes: Sequence[str] | None = None,
    similarities: Sequence[Similarity] = SIMILARITIES,
    temperature: float | None = None,
    block_bytes: int = BLOCK_BYTES,
    threads: int | None = None,
    device: torch.device | str | None = None,
) -> CrossModalResult:
    """Score every ordered pair of different modalities under every similarity.

    ``modalities`` gives each name its codes (N, K) and labels, class numbers (N,) or multi-hot
    (N, C); the numbers of items may differ, and nothing is paired. ``projection_KC`` is needed
    for the posterior similarity. With a ``device``, torch ranks there. Raises DataError for fewer
    than two modalities, for codes of different widths and for labels that do not fit;
    SubspaceError for a missing or unfit projection; UserError for an unknown or repeated
    similarity.
    """
    projection_KC, told = checked_collection(modalities, similarities, projection_KC, temperature)
    pairs: list[PairResult] = []
    for similarity in similarities:
        rows = {
            name: rows_of(
                codes,
                similarity,
                projection_KC=projection_KC,
                temperature=temperature,
                multi_label=several_labels(labels),
                what=name,
                most_bytes=block_bytes // len(modalities),
            )
            for name, (codes, labels) in modalities.items()
        }
        pairs.extend(
            score_direction(
                rows[query],
                modalities[query][1],
                rows[gallery],
                modalities[gallery][1],
                similarity=similarity,
                names=(query, gallery),
                protocol=protocol,
                classes=classes,
                block_bytes=block_bytes,
                threads=threads,
                device=device,
            )
            for query, gallery in itertools.permutations(modalities, 2)
        )
    return CrossModalResult(
        protocol=protocol,
        similarities=tuple(similarities),
        sizes={name: len(codes) for name, (codes, _) in modalities.items()},
        classes=None if classes is None else tuple(classes),
        temperature=told if "posterior" in similarities else None,
        pairs=tuple(pairs),
    )


def checked_collection(
    modalities: Mapping[str, tuple[np.ndarray, np.ndarray]],
    similarities: Sequence[Similarity],
    projection_KC: np.ndarray | None,
    temperature: float | None,
) -> tuple[np.ndarray | None, float | None]:
    """The projection and its temperature, of codes that can be compared.

    Where some modalities have several labels an item and others one, it is that of one label.

    Raises DataError, UserError and SubspaceError as :func:`evaluate` does.
    """
    if len(modalities) < 2:
        raise DataError(
            "retrieval between modalities needs at least two of them; received "
            f"{', '.join(modalities) or 'none'}: train another modality first"
        )
    if not similarities or len(set(similarities)) != len(similarities):
        raise UserError(
            f"name each similarity once, and at least one; received {', '.join(similarities)}: "
            f"choose from {', '.join(SIMILARITIES)}"
        )
    widths = {name: np.shape(codes)[1:] for name, (codes, _) in modalities.items()}
    if len(set(widths.values())) > 1:
        listed = ", ".join(f"{name} {width}" for name, width in widths.items())
        raise DataError(
            f"all modalities must have codes of one width; received {listed}: "
            "embed them with encoders of one subspace"
        )
    if projection_KC is not None:
        width = next(iter(widths.values()))
        projection_KC = checked_projection(projection_KC, width[0] if width else 0, "evaluation")
        if temperature is None:
            every = all(several_labels(labels) for _, labels in modalities.values())
            temperature = projection_temperature(projection_KC, multi_label=every)
    return projection_KC, temperature
