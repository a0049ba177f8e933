"""Examples for the report: some queries of each modality, and what they find in the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdml.features import Split
from sdml.features.stored import PREVIEWS, load_previews
from sdml.report import Example, Hit, Item
from sdml.retrieval import search
from sdml.retrieval.protocol import Protocol
from sdml.retrieval.relevance import checked_labels, relevance_between, several_labels
from sdml.retrieval.similarity import Similarity
from sdml.steps.context import Context, origin
from sdml.store import Version
from sdml.subspace import Subspace

HITS = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Gallery:
    """The items of one modality: codes (N, K), their split, and previews if there are any."""

    codes_NK: npt.NDArray[np.float32]
    split: Split
    previews: tuple[str | None, ...] | None


def previews_of(context: Context, encoder: Version) -> tuple[str | None, ...] | None:
    """Previews of the test split of the feature set that an encoder was trained on."""
    features = context.catalog.get(origin(encoder, "features"))
    if PREVIEWS not in {record.name for record in features.manifest.objects}:
        return None
    return load_previews(lambda name: context.catalog.read(features, name))


def examples(
    galleries: Mapping[str, Gallery],
    subspace: Subspace,
    *,
    similarity: Similarity,
    protocol: Protocol,
    count: int,
) -> tuple[Example, ...]:
    """So many queries of each modality, of classes that lie evenly in the list, and their hits.

    A query is the first item of its class, preferably one with a preview.
    """
    made = []
    several = {name: several_labels(gallery.split.labels) for name, gallery in galleries.items()}
    for name, query in galleries.items():
        rows = _rows(query, count)
        hits: dict[int, dict[str, tuple[Hit, ...]]] = {row: {} for row in rows}
        for other, gallery in galleries.items():
            if other == name or not rows:
                continue
            found = search(
                query.codes_NK[rows],
                gallery.codes_NK,
                HITS,
                similarity=similarity,
                projection_KC=subspace.projection_KC,
                multi_label=(several[name], several[other]),
            )
            relevance = relevance_between(
                checked_labels(query.split.labels[rows], len(rows), name),
                checked_labels(gallery.split.labels, len(gallery.split), other),
                protocol.relevance,
            )
            for place, row in enumerate(rows):
                relevant_G = relevance.rows(np.array([place]))[0]
                hits[row][other] = tuple(
                    Hit(
                        item=_item(gallery, int(index), subspace.classes, other),
                        score=float(score),
                        relevant=bool(relevant_G[index]),
                    )
                    for index, score in zip(
                        found.indices_QT[place], found.scores_QT[place], strict=True
                    )
                )
        made += [
            Example(modality=name, query=_item(query, row, subspace.classes, name), hits=hits[row])
            for row in rows
        ]
    return tuple(made)


def _rows(query: Gallery, count: int) -> list[int]:
    """The rows to ask with, in the order of their classes."""
    labels = query.split.labels
    first_N = labels.argmax(axis=1) if labels.ndim == 2 else labels
    labelled_N = labels.any(axis=1) if labels.ndim == 2 else labels >= 0
    present = np.unique(first_N[labelled_N])
    chosen = present[np.linspace(0, len(present) - 1, min(count, len(present))).astype(int)]
    rows = []
    for number in chosen:
        candidates = np.flatnonzero(labelled_N & (first_N == number)).tolist()
        seen = [row for row in candidates if query.previews and query.previews[row]]
        rows.append((seen or candidates)[0])
    return rows


def _item(gallery: Gallery, row: int, classes: tuple[str, ...], modality: str) -> Item:
    label = gallery.split.labels[row]
    numbers = np.flatnonzero(label) if label.ndim else label[None][label[None] >= 0]
    items = gallery.split.items
    return Item(
        text=items[row] if items else f"{modality} {row}",
        classes=tuple(classes[number] for number in numbers),
        preview=gallery.previews[row] if gallery.previews else None,
    )
