"""Search: a query of one modality, the nearest stored items of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sdml.errors import DataError, UserError
from sdml.retrieval import search as search_codes
from sdml.retrieval import search_shards
from sdml.retrieval.relevance import several_labels
from sdml.retrieval.similarity import Similarity
from sdml.steps.code_files import open_codes
from sdml.steps.context import Context, read_subspace
from sdml.steps.encoders import codes_of, newest_encoder, open_encoder, part_of, same_subspace
from sdml.steps.index import Hnsw, Index, recall


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One found item: rank from 1, similarity, its class names, and what it is or its row."""

    rank: int
    score: float
    row: int
    item: str
    classes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class QueryHits:
    """The hits of one query row; ``precision`` is None unless the query's class was given."""

    row: int
    hits: tuple[Hit, ...]
    precision: float | None


@dataclass(frozen=True, kw_only=True)
class Found:
    """Hits of all queries, best first.

    ``recall`` is None for exact search; with an index, the share of the exact hits it found.
    """

    queries: tuple[QueryHits, ...]
    recall: float | None = None

    def to_json(self) -> dict[str, Any]:
        """What ``sdml search --json`` prints."""
        made = asdict(self)
        if self.recall is None:
            del made["recall"]
        return made


def search(
    context: Context,
    *,
    query: str,
    source: str,
    gallery: str,
    row: int | None = None,
    top: int = 10,
    similarity: Similarity = "cosine",
    class_name: str | None = None,
    index: Index | None = None,
    codes: Sequence[Path] = (),
) -> Found:
    """Search the gallery modality's test items for the nearest to each query.

    Args:
        query: modality of the queries.
        source: vectors or raw items, as for embedding.
        gallery: modality to search in.
        row: only this row of the source, from 0.
        top: hits for each query.
        similarity: what ranks; the posterior searches stored items, and all of them.
        class_name: the queries' class; precision is then computed.
        index: search approximately by an index of this kind, built anew, and compare with exact
            search.
        codes: files that ``embed`` wrote for the gallery modality, searched in place of its stored
            items as one gallery in this order; rows count within a file.

    Raises:
        NotFoundError: one of the modalities has no encoder.
        SubspaceError: the two encoders belong to different subspaces.
        DataError: the source does not fit, or has no such row.
        UserError: an argument is out of its range, or does not go with another one.
        MissingExtraError: the index needs a package that is not installed.
    """
    if top < 1:
        raise UserError(f"--top must be at least 1, not {top}")
    versions = [newest_encoder(context, query), newest_encoder(context, gallery)]
    subspace = read_subspace(context.catalog, same_subspace(context, versions))
    classes = subspace.classes
    if similarity != "cosine" and (codes or index is not None):
        raise UserError(
            f"--codes and --index rank by cosine, not by {similarity}: leave out --similarity"
        )
    if class_name is not None and class_name not in classes:
        raise UserError(
            f"--class must be a class of the collection, not {class_name!r}: {', '.join(classes)}"
        )
    query_QK = open_encoder(context, versions[0]).embed(source)
    rows = range(len(query_QK))
    if row is not None:
        if not 0 <= row < len(query_QK):
            raise DataError(f"--row must be from 0 to {len(query_QK) - 1} for {source}, not {row}")
        rows = range(row, row + 1)
    query_QK = query_QK[rows.start : rows.stop]
    if codes:
        if index is not None or class_name is not None:
            raise UserError("--codes have no labels and no index: leave out --class and --index")
        return _in_files(query_QK, rows, codes, top)
    split = context.experiment.evaluation.split
    gallery_GK, part = codes_of(context, open_encoder(context, versions[1]), split)
    several = False, False
    if similarity == "posterior":
        own = part_of(context, versions[0], split)
        several = several_labels(own.labels), several_labels(part.labels)
    found = search_codes(
        query_QK,
        gallery_GK,
        top,
        similarity=similarity,
        projection_KC=subspace.projection_KC,
        multi_label=several,
    )
    share = None
    if index is not None:
        exact, found = found, Hnsw(gallery_GK).search(query_QK, top)
        share = recall(found, exact)
    queries = []
    for position, number in enumerate(rows):
        hits = tuple(
            Hit(
                rank=rank,
                score=float(found.scores_QT[position, rank - 1]),
                row=int(index),
                item=part.items[index] if part.items else f"{gallery} {split} row {index}",
                classes=_names(part.labels[index], classes),
            )
            for rank, index in enumerate(found.indices_QT[position], start=1)
        )
        right = None if class_name is None else [class_name in hit.classes for hit in hits]
        queries.append(
            QueryHits(
                row=number, hits=hits, precision=None if right is None else float(np.mean(right))
            )
        )
    return Found(queries=tuple(queries), recall=share)


def _in_files(query_QK: npt.NDArray[Any], rows: range, files: Sequence[Path], top: int) -> Found:
    """The hits among codes in files, each memory-mapped."""
    shards = [open_codes(file) for file in files]
    found = search_shards(query_QK, shards, top, names=[str(file) for file in files])
    starts = np.cumsum([0, *(len(shard_GK) for shard_GK in shards)])
    file_QT = np.searchsorted(starts, found.indices_QT, side="right") - 1
    row_QT = found.indices_QT - starts[file_QT]
    queries = []
    for position, number in enumerate(rows):
        near = zip(file_QT[position], row_QT[position], found.scores_QT[position], strict=True)
        hits = tuple(
            Hit(
                rank=rank,
                score=float(score),
                row=int(row),
                item=f"{files[file]} row {row}",
                classes=(),
            )
            for rank, (file, row, score) in enumerate(near, start=1)
        )
        queries.append(QueryHits(row=number, hits=hits, precision=None))
    return Found(queries=tuple(queries))


def _names(label: npt.NDArray[Any], classes: tuple[str, ...]) -> tuple[str, ...]:
    if label.ndim == 0:
        return (classes[int(label)],) if label >= 0 else ()
    return tuple(classes[i] for i in np.flatnonzero(label))
