"""What a report shows beside average precision: recall, clusters and examples."""

from __future__ import annotations

from dataclasses import dataclass

from sdml.retrieval.recall import RecallResult


@dataclass(frozen=True, kw_only=True)
class Clustering:
    """Agreement of the clusters of all modalities' codes with the classes."""

    clusters: int
    items: int
    ami: float
    nmi: float
    ari: float


@dataclass(frozen=True, kw_only=True)
class Item:
    """An item as a person sees it; ``preview`` is a ``data:`` URI of a picture or a sound."""

    text: str
    classes: tuple[str, ...]
    preview: str | None = None


@dataclass(frozen=True, kw_only=True)
class Hit:
    """An item that was found, best first."""

    item: Item
    score: float
    relevant: bool


@dataclass(frozen=True, kw_only=True)
class Example:
    """One query and what it finds in each gallery."""

    modality: str
    query: Item
    hits: dict[str, tuple[Hit, ...]]


@dataclass(frozen=True, kw_only=True)
class Extras:
    """Parts that a report may have.

    ``pairs``: recall is of the item of the query's own row, not of any relevant one.
    ``clustering`` is text where it says why there is none.
    """

    recall: tuple[RecallResult, ...] = ()
    pairs: bool = False
    clustering: Clustering | str | None = None
    examples: tuple[Example, ...] = ()
