"""Evaluation over a random sample of the queries, with confidence intervals.

The cost of an exact evaluation grows with queries times gallery. A mean over queries needs not all
of them: a simple random sample, ranked against the **whole** gallery, estimates it without bias,
and its spread says how well. The gallery is never sampled: with fewer items the relevant ones move
up, so AP at one share of relevant items rises (see Chance in ``docs/protocol.md``).
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sdml.errors import UserError
from sdml.retrieval.average_precision import BLOCK_BYTES, RetrievalScores, score_rows
from sdml.retrieval.cross_modal import CrossModalResult, checked_collection
from sdml.retrieval.direction import PairResult, Sampled, pair_of, rows_of
from sdml.retrieval.interval import LEAST, Interval, deviations, interval, variance_of_mean
from sdml.retrieval.protocol import Protocol
from sdml.retrieval.relevance import checked_labels, several_labels
from sdml.retrieval.similarity import SIMILARITIES, Similarity


@dataclass(frozen=True, kw_only=True)
class QuerySample:
    """How many queries of each modality to draw, and the seed.

    Which ones depends on the seed, the modality's name and its number of items, and not on what
    else is evaluated. A modality with no more items than ``queries`` is taken whole.
    """

    queries: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.queries < LEAST or self.seed < 0:
            raise UserError(
                f"a sample must have at least {LEAST} queries, and a seed of 0 or more; received "
                f"{self.queries} queries and seed {self.seed}: draw more"
            )

    def places(self, name: str, items: int) -> np.ndarray:
        """Rows of a modality in rising order, each at most once: int64 (min(queries, items),)."""
        if items <= self.queries:
            return np.arange(items)
        word = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
        generator = np.random.default_rng([self.seed, word])
        drawn = generator.choice(items, self.queries, replace=False, shuffle=False)
        return np.sort(drawn)


def evaluate_sampled(
    modalities: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    sample: QuerySample,
    protocol: Protocol,
    projection_KC: np.ndarray | None = None,
    classes: Sequence[str] | None = None,
    similarities: Sequence[Similarity] = SIMILARITIES,
    temperature: float | None = None,
    block_bytes: int = BLOCK_BYTES,
    threads: int | None = None,
    device: torch.device | str | None = None,
) -> CrossModalResult:
    """Like :func:`sdml.retrieval.evaluate`, for a sample of the queries against whole galleries.

    Every figure is that of the sampled queries; ``map``, ``map_at_k`` and their means over the
    directions come with 95 % intervals for what all queries would give. Raises what ``evaluate``
    raises.
    """
    projection_KC, told = checked_collection(modalities, similarities, projection_KC, temperature)
    asked = {}
    for name, (codes, labels) in modalities.items():
        labels = checked_labels(labels, len(codes), name)
        places = sample.places(name, len(codes))
        asked[name] = (np.asarray(codes[places]), labels[places])
    pairs: list[PairResult] = []
    intervals: dict[Similarity, Interval] = {}
    for similarity in similarities:
        represented = {
            (name, role): rows_of(
                codes,
                similarity,
                projection_KC=projection_KC,
                temperature=temperature,
                multi_label=several_labels(modalities[name][1]),
                what=name,
                most_bytes=block_bytes // (2 * len(modalities)),
            )
            # Galleries first: an error then names a row of the modality, not of the sample.
            for role, given in (("gallery", modalities), ("query", asked))
            for name, (codes, _) in given.items()
        }
        moves: dict[str, np.ndarray] = {}
        for query, gallery in itertools.permutations(modalities, 2):
            scores = score_rows(
                represented[query, "query"],
                represented[gallery, "gallery"],
                asked[query][1],
                modalities[gallery][1],
                protocol,
                block_bytes=block_bytes,
                threads=threads,
                device=device,
            )
            population = len(modalities[query][0])
            pairs.append(
                pair_of(
                    scores,
                    asked[query][1],
                    similarity=similarity,
                    names=(query, gallery),
                    classes=classes,
                    sampled=_sampled(scores, population),
                )
            )
            # One query counts in each of its directions, so its deviations are added up first.
            move_Q = deviations(scores.ap_Q, scores.counted_Q)
            moves[query] = moves.get(query, 0.0) + move_Q
        of_similarity = [pair for pair in pairs if pair.similarity == similarity]
        mean = float(np.mean([pair.map for pair in of_similarity]))
        sizes = {name: len(codes) for name, (codes, _) in modalities.items()}
        variance = sum(variance_of_mean(moves[name], sizes[name]) for name in modalities)
        drawn = [len(moves[name]) for name in modalities if len(moves[name]) < sizes[name]]
        intervals[similarity] = interval(
            mean, variance / len(of_similarity) ** 2, min(drawn, default=2) - 1
        )
    return CrossModalResult(
        protocol=protocol,
        similarities=tuple(similarities),
        sizes={name: len(codes) for name, (codes, _) in modalities.items()},
        classes=None if classes is None else tuple(classes),
        temperature=told if "posterior" in similarities else None,
        pairs=tuple(pairs),
        mean_intervals=intervals,
    )


def _sampled(scores: RetrievalScores, population: int) -> Sampled:
    def around(estimate: float, values_Q: np.ndarray, counted_Q: np.ndarray) -> Interval:
        variance = variance_of_mean(deviations(values_Q, counted_Q), population)
        return interval(estimate, variance, max(1, len(values_Q) - 1))

    return Sampled(
        population=population,
        map=around(scores.map, scores.ap_Q, scores.counted_Q),
        map_at_k=around(scores.map_at_k, scores.ap_at_k_Q, scores.counted_at_k_Q),
    )
