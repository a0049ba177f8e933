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
    means         {similarity: {map, map_at_k}}: means over the directions
    pairs         [{query, gallery, similarity, map, map_at_k, k, chance, queries, gallery_size,
                    empty, per_class_map: {class: float},
                    curves: {recall_levels, precision_at_recall, scopes, precision_at_scope}}]
    histories     {modality: [{epoch, train_loss, ...}]}, empty when none were given

Numbers that are not finite (a history may hold some) are null.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence

from sdml.retrieval.cross_modal import CrossModalResult

SCHEMA = 1

History = Sequence[Mapping[str, float]]
JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]


def report_document(
    evaluation: CrossModalResult,
    *,
    title: str,
    details: Mapping[str, str],
    histories: Mapping[str, History],
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
            }
            for similarity in evaluation.similarities
        },
        "pairs": [dataclasses.asdict(pair) for pair in evaluation.pairs],
        "histories": {
            name: [dict(record) for record in history] for name, history in histories.items()
        },
    }
    text = json.dumps(_plain(document), indent=1, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def _plain(value: object) -> JSON:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    number = float(value)  # type: ignore[arg-type]  # also numpy's numbers
    return number if math.isfinite(number) else None
