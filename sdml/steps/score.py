"""Score: anybody's codes under the very metric that evaluation uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sdml.errors import DataError
from sdml.features.files import existing_file, reading
from sdml.retrieval import Protocol
from sdml.retrieval import score as score_rows
from sdml.retrieval.direction import represent


def score_files(
    *,
    query: Path,
    query_labels: Path,
    gallery: Path,
    gallery_labels: Path,
    top_k: int,
    denominator: Literal["hits", "min", "relevant"],
    empty_query: Literal["zero", "skip"],
    relevance: Literal["any", "exact"],
    similarity: Literal["cosine", "inner"],
) -> dict[str, Any]:
    """Score queries against a gallery, all four given as .npy files.

    Codes are (N, K); labels are class numbers (N,) or 0/1 for each class (N, C).

    Raises:
        DataError: a file is not such an array, or they do not fit together.
    """
    query_QK, gallery_GK = _array(query, "--query"), _array(gallery, "--gallery")
    if similarity == "cosine":
        query_QK = represent(query_QK, "cosine", what=str(query))
        gallery_GK = represent(gallery_GK, "cosine", what=str(gallery))
    scores = score_rows(
        query_QK,
        gallery_GK,
        _array(query_labels, "--query-labels"),
        _array(gallery_labels, "--gallery-labels"),
        Protocol(
            top_k=top_k, denominator=denominator, empty_query=empty_query, relevance=relevance
        ),
    )
    return {
        "map": scores.map,
        "map_at_k": scores.map_at_k,
        "k": scores.k,
        "chance": scores.chance,
        "queries": scores.queries,
        "gallery": scores.gallery,
    }


def _array(path: Path, where: str) -> npt.NDArray[Any]:
    existing_file(path, where=where)
    with reading(path, "an .npy array", where=where):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(array, np.ndarray):
            return array
        array.close()
    raise DataError(
        f"{where}: {path}: an .npy file is needed, not an archive of several arrays: save one of "
        "them by numpy.save"
    )
