"""One direction of retrieval, from codes of any origin to its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from sdml.errors import DataError, SubspaceError, UserError
from sdml.retrieval.average_precision import BLOCK_BYTES, RetrievalScores, score_rows
from sdml.retrieval.curves import Curves
from sdml.retrieval.interval import Interval
from sdml.retrieval.protocol import Protocol
from sdml.retrieval.relevance import checked_labels, several_labels
from sdml.retrieval.rows import Rows
from sdml.retrieval.similarity import (
    SIMILARITIES,
    Similarity,
    checked_codes,
    cosine_representation,
    posterior_representation,
)


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """How many queries there are of which a sample was taken, and 95 % intervals."""

    population: int
    map: Interval
    map_at_k: Interval


@dataclass(frozen=True, kw_only=True)
class PairResult:
    """The figures of one direction under one similarity.

    ``queries`` and ``gallery_size`` are numbers of items; ``empty`` counts the queries without a
    relevant item in the gallery. ``per_class_map`` is the mean AP over the whole ranking of the
    queries that hold a class, for each class that some counted query holds. ``sampled`` is None
    if all queries were ranked.
    """

    query: str
    gallery: str
    similarity: Similarity
    map: float
    map_at_k: float
    k: int
    chance: float
    queries: int
    gallery_size: int
    empty: int
    curves: Curves
    per_class_map: dict[str, float] = field(default_factory=dict)
    sampled: Sampled | None = None


def represent(
    codes_NK: np.ndarray,
    similarity: Similarity,
    *,
    projection_KC: np.ndarray | None = None,
    temperature: float | None = None,
    multi_label: bool = False,
    what: str = "codes",
) -> np.ndarray:
    """Codes as rows whose inner product is the similarity: float32 (N, K) or (N, C).

    ``multi_label`` says that items may have several labels, which makes another posterior.
    Raises UserError for an unknown similarity, SubspaceError for ``posterior`` without P.
    """
    if similarity not in SIMILARITIES:
        raise UserError(
            f"a similarity must be one of {', '.join(SIMILARITIES)}; received {similarity!r}: "
            "choose one of these"
        )
    if similarity == "cosine":
        return cosine_representation(codes_NK, what)
    if projection_KC is None:
        raise SubspaceError(
            f"{what}: the posterior similarity needs the projection of the subspace; received "
            "none: name the subspace, or use the cosine"
        )
    return posterior_representation(
        codes_NK, projection_KC, temperature, what, multi_label=multi_label
    )


def rows_of(
    codes_NK: np.ndarray,
    similarity: Similarity,
    *,
    projection_KC: np.ndarray | None,
    temperature: float | None,
    multi_label: bool,
    what: str,
    most_bytes: int,
) -> Rows:
    """What :func:`represent` makes, kept as an array if that has no more than ``most_bytes``.

    Raises what :func:`represent` raises, now and not when the rows are used.
    """

    def made(part_NK: np.ndarray) -> np.ndarray:
        return represent(
            part_NK,
            similarity,
            projection_KC=projection_KC,
            temperature=temperature,
            multi_label=multi_label,
            what=what,
        )

    codes_NK = checked_codes(codes_NK, what)
    if 4 * codes_NK.size <= most_bytes:
        return Rows(made(codes_NK))
    return Rows(codes_NK, made)


def score_codes(
    query_QK: np.ndarray,
    query_labels: np.ndarray,
    gallery_GK: np.ndarray,
    gallery_labels: np.ndarray,
    *,
    protocol: Protocol,
    similarity: Similarity = "cosine",
    projection_KC: np.ndarray | None = None,
    temperature: float | None = None,
    classes: Sequence[str] | None = None,
    names: tuple[str, str] = ("query", "gallery"),
    block_bytes: int = BLOCK_BYTES,
    threads: int | None = None,
    device: torch.device | str | None = None,
) -> PairResult:
    """Score codes of any origin in one direction.

    Codes are numbers (N, K), labels class numbers (N,) or multi-hot (N, C). ``classes`` names the
    class numbers; without it they name themselves. Raises DataError for codes or labels that do
    not fit together.
    """
    represented = [
        rows_of(
            codes_NK,
            similarity,
            projection_KC=projection_KC,
            temperature=temperature,
            multi_label=several_labels(labels),
            what=name,
            most_bytes=block_bytes // 2,
        )
        for name, codes_NK, labels in zip(
            names, (query_QK, gallery_GK), (query_labels, gallery_labels), strict=True
        )
    ]
    return score_direction(
        represented[0],
        query_labels,
        represented[1],
        gallery_labels,
        similarity=similarity,
        names=names,
        protocol=protocol,
        classes=classes,
        block_bytes=block_bytes,
        threads=threads,
        device=device,
    )


def score_direction(
    query: Rows,
    query_labels: np.ndarray,
    gallery: Rows,
    gallery_labels: np.ndarray,
    *,
    similarity: Similarity,
    names: tuple[str, str],
    protocol: Protocol,
    classes: Sequence[str] | None,
    block_bytes: int,
    threads: int | None,
    device: torch.device | str | None,
) -> PairResult:
    """Like :func:`score_codes`, for the rows of :func:`rows_of`."""
    scores = score_rows(
        query,
        gallery,
        query_labels,
        gallery_labels,
        protocol,
        block_bytes=block_bytes,
        threads=threads,
        device=device,
    )
    return pair_of(scores, query_labels, similarity=similarity, names=names, classes=classes)


def pair_of(
    scores: RetrievalScores,
    query_labels: np.ndarray,
    *,
    similarity: Similarity,
    names: tuple[str, str],
    classes: Sequence[str] | None,
    sampled: Sampled | None = None,
) -> PairResult:
    """The figures of one direction, of its scores. Raises DataError for labels without a name."""
    return PairResult(
        query=names[0],
        gallery=names[1],
        similarity=similarity,
        map=scores.map,
        map_at_k=scores.map_at_k,
        k=scores.k,
        chance=scores.chance,
        queries=scores.queries,
        gallery_size=scores.gallery,
        empty=scores.empty,
        curves=scores.curves,
        per_class_map=_per_class(scores, query_labels, classes),
        sampled=sampled,
    )


def _per_class(
    scores: RetrievalScores, query_labels: np.ndarray, classes: Sequence[str] | None
) -> dict[str, float]:
    labels = checked_labels(query_labels, scores.queries, "query")
    if labels.ndim == 2:
        query_H, class_H = np.nonzero(labels & scores.counted_Q[:, None])
        width = labels.shape[1]
    else:
        query_H = np.flatnonzero((labels >= 0) & scores.counted_Q)
        class_H = labels[query_H]
        width = int(labels.max(initial=-1)) + 1
    if classes is not None and width > len(classes):
        raise DataError(
            f"query: class numbers must be below the {len(classes)} named classes; received "
            f"labels for {width} classes: use the class list the labels were encoded with"
        )
    # Numbers are few, but may be large when nobody encoded the labels: count only those present.
    present, place_H = np.unique(class_H, return_inverse=True)
    totals = np.bincount(place_H, scores.ap_Q[query_H], minlength=len(present))
    counts = np.bincount(place_H, minlength=len(present))
    return {
        classes[number] if classes is not None else str(number): float(total / count)
        for number, total, count in zip(present.tolist(), totals, counts, strict=True)
    }
