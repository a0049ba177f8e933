from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from sdml.errors import DataError, UserError
from sdml.steps.score import score_files

NAMES = ("query", "query_labels", "gallery", "gallery_labels")


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        "query": generator.normal(size=(7, 4)),
        "query_labels": np.arange(7) % 3,
        "gallery": generator.normal(size=(11, 4)) * generator.uniform(0.1, 9, size=(11, 1)),
        "gallery_labels": np.arange(11) % 3,
    }


def run(folder: Path, arrays: dict[str, np.ndarray], **options: Any) -> dict[str, Any]:
    for name in NAMES:
        np.save(folder / f"{name}.npy", arrays[name])
    defaults: dict[str, Any] = {
        "top_k": 50,
        "denominator": "min",
        "empty_query": "zero",
        "relevance": "any",
        "similarity": "cosine",
    }
    paths = {name: folder / f"{name}.npy" for name in NAMES}
    return score_files(**{**defaults, **options, **paths})


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@pytest.mark.parametrize("similarity", ["cosine", "inner"])
def test_map_is_that_of_scikit_learn(
    tmp_path: Path, arrays: dict[str, np.ndarray], similarity: str
) -> None:
    found = run(tmp_path, arrays, similarity=similarity)
    query_QK, gallery_GK = arrays["query"], arrays["gallery"]
    if similarity == "cosine":
        query_QK, gallery_GK = unit(query_QK), unit(gallery_GK)
    expected = np.mean(
        [
            average_precision_score(arrays["gallery_labels"] == label, row)
            for label, row in zip(arrays["query_labels"], query_QK @ gallery_GK.T, strict=True)
        ]
    )
    assert found["map"] == pytest.approx(expected)
    assert found.keys() == {"map", "map_at_k", "k", "chance", "queries", "gallery"}
    assert (found["k"], found["queries"], found["gallery"]) == (50, 7, 11)
    assert found["map_at_k"] == found["map"]


def test_the_two_similarities_differ(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    one, other = (run(tmp_path, arrays, similarity=s)["map"] for s in ("cosine", "inner"))
    assert one != other


def test_multi_hot_labels_and_exact_relevance(
    tmp_path: Path, arrays: dict[str, np.ndarray]
) -> None:
    hot = {
        **arrays,
        "query_labels": np.eye(3)[arrays["query_labels"]],
        "gallery_labels": np.eye(3, dtype=bool)[arrays["gallery_labels"]],
    }
    assert run(tmp_path, hot) == run(tmp_path, arrays)
    hot["gallery_labels"][0] = True
    found = {r: run(tmp_path, hot, relevance=r)["map"] for r in ("any", "exact")}
    assert found["any"] != found["exact"]


def test_codes_of_several_types(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    whole = {**arrays, "query": np.sign(arrays["query"]).astype(np.int8)}
    floats = {**arrays, "query": np.sign(arrays["query"]).astype(np.float64)}
    assert run(tmp_path, whole) == run(tmp_path, floats)


def test_bad_options_and_labels(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    with pytest.raises(UserError, match="top_k"):
        run(tmp_path, arrays, top_k=0)
    with pytest.raises(DataError, match="one label for each code"):
        run(tmp_path, {**arrays, "query_labels": np.arange(6)})


def test_files_that_are_no_such_array_are_named_with_their_option(
    tmp_path: Path, arrays: dict[str, np.ndarray]
) -> None:
    run(tmp_path, arrays)
    options: dict[str, Any] = {
        **{name: tmp_path / f"{name}.npy" for name in NAMES},
        "top_k": 5,
        "denominator": "min",
        "empty_query": "zero",
        "relevance": "any",
        "similarity": "cosine",
    }
    np.savez(tmp_path / "a.npz", a=np.ones(3))
    np.save(tmp_path / "objects.npy", np.array([{}, None]), allow_pickle=True)
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "gallery.npy").read_bytes()[:-8])
    for bad, message in {
        "a.npz": "archive of several arrays",
        "objects.npy": "never loaded",
        "empty.npy": "cannot be read as an .npy array",
        "cut.npy": "cannot be read as an .npy array",
        "none.npy": "does not exist",
        ".": "is a folder",
    }.items():
        with pytest.raises(DataError, match=f"--gallery-labels: .*{message}"):
            score_files(**{**options, "gallery_labels": tmp_path / bad})
