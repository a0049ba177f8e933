"""report.json: everything an evaluation found, in one document.

::

    schema        1; raised when a key changes its meaning
    title         str
    details       {name: value}, as given: versions of encoders and subspace, software, ...
    protocol      {top_k, denominator, empty_query, relevance}
    similarities  [str]
    temperature   float of the posterior similarity, or null
    modalities    {name: number of items}
    classes       [str] or null
    mean_chance   float: mean over the directions
    means         {similarity: {map, map_at_k, map_interval: {low, high}}}: over the directions
    pairs         [{query, gallery, similarity, map, map_at_k, k, chance, queries, gallery_size,
                    empty, per_class_map: {class: float},
                    curves: {recall_levels, precision_at_recall, scopes, precision_at_scope},
                    sampled: {population, map: {low, high}, map_at_k: {low, high}}}]
    recall        [{query, gallery, similarity, recall: {K: R@K}, median_rank}]
    recall_of     "class": any relevant item, or "pair": that of the query's own row
    clustering    {clusters, items, ami, nmi, ari}, or {missing: why}, or null
    histories     {modality: [{epoch, train_loss, ...}]}, empty when none were given

``sampled`` and ``map_interval`` are there only if the queries are a sample: 95 % intervals.
Numbers that are not finite (a history may hold some, a median rank may be infinite) are null.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence

from sdml.report.extras import Clustering, Extras
from sdml.retrieval.cross_modal import CrossModalResult
from sdml.retrieval.direction import PairResult
from sdml.retrieval.recall import DEPTHS, RecallResult
from sdml.retrieval.similarity import Similarity

SCHEMA = 1

History = Sequence[Mapping[str, float]]
JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]


def report_document(
    evaluation: CrossModalResult,
    *,
    title: str,
    details: Mapping[str, str],
    histories: Mapping[str, History],
    extras: Extras,
) -> bytes:
    """The document as indented UTF-8 JSON; equal input gives equal bytes."""
    document = {
        "schema": SCHEMA,
        "title": title,
        "details": dict(details),
        "protocol": dataclasses.asdict(evaluation.protocol),
        "similarities": evaluation.similarities,
        "temperature": evaluation.temperature,
        "modalities": evaluation.sizes,
        "classes": evaluation.classes,
        "mean_chance": evaluation.mean_chance(),
        "means": {
            similarity: {
                "map": evaluation.mean_map(similarity),
                "map_at_k": evaluation.mean_map_at_k(similarity),
                **_interval(evaluation, similarity),
            }
            for similarity in evaluation.similarities
        },
        "pairs": [_pair(pair) for pair in evaluation.pairs],
        "recall": [_recall(result) for result in extras.recall],
        "recall_of": "pair" if extras.pairs else "class",
        "clustering": _clustering(extras.clustering),
        "histories": {
            name: [dict(record) for record in history] for name, history in histories.items()
        },
    }
    text = json.dumps(_plain(document), indent=1, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def _interval(evaluation: CrossModalResult, similarity: Similarity) -> dict[str, object]:
    found = evaluation.mean_intervals.get(similarity)
    return {} if found is None else {"map_interval": dataclasses.asdict(found)}


def _pair(pair: PairResult) -> dict[str, object]:
    made = dataclasses.asdict(pair)
    if pair.sampled is None:
        del made["sampled"]
    return made


def _recall(result: RecallResult) -> dict[str, object]:
    return {**dataclasses.asdict(result), "recall": dict(zip(DEPTHS, result.recall, strict=True))}


def _clustering(found: Clustering | str | None) -> dict[str, object] | None:
    if isinstance(found, str):
        return {"missing": found}
    return None if found is None else dataclasses.asdict(found)


def _plain(value: object) -> JSON:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    number = float(value)  # type: ignore[arg-type]  # also numpy's numbers
    return number if math.isfinite(number) else None
