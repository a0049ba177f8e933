from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from sdml.errors import DataError, NotFoundError, UserError
from sdml.steps.context import Context, read_subspace
from sdml.steps.embed import embed
from sdml.steps.encoders import codes_of, newest_encoder, open_encoder, same_subspace
from sdml.steps.prepare import prepare
from sdml.steps.search import search
from sdml.steps.train import train
from tests.steps import tiny
from tests.steps.conftest import MakeContext


@pytest.fixture
def context(finished_once: Path) -> Context:
    return tiny.open_file(finished_once / "experiment.yaml")


@pytest.fixture
def source(tmp_path: Path) -> str:
    """Three image vectors, of classes 0, 1 and 2."""
    np.save(tmp_path / "x.npy", tiny.arrays("image")["X"][:3])
    return str(tmp_path / "x.npy")


def test_hits_are_those_of_brute_force(context: Context, source: str) -> None:
    found = search(context, query="image", source=source, gallery="text", top=5)
    query_QK = open_encoder(context, newest_encoder(context, "image")).embed(source)
    gallery_GK, part = codes_of(
        context, open_encoder(context, newest_encoder(context, "text")), "test"
    )
    assert [query.row for query in found.queries] == [0, 1, 2]
    for query in found.queries:
        scores_G = gallery_GK.astype(np.float64) @ query_QK[query.row].astype(np.float64)
        order = np.argsort(-scores_G, kind="stable")[:5]
        assert [hit.row for hit in query.hits] == order.tolist()
        assert [hit.rank for hit in query.hits] == [1, 2, 3, 4, 5]
        assert [hit.score for hit in query.hits] == pytest.approx(scores_G[order], abs=1e-6)
        assert [hit.classes for hit in query.hits] == [(str(part.labels[i]),) for i in order]
        assert query.hits[0].item == f"text test row {order[0]}"
        assert query.precision is None


def test_hits_by_what_codes_say_about_the_classes(context: Context, source: str) -> None:
    found = search(
        context, query="image", source=source, gallery="text", top=5, similarity="posterior"
    )
    encoders = [newest_encoder(context, name) for name in ("image", "text")]
    projection_KC = read_subspace(context.catalog, same_subspace(context, encoders)).projection_KC
    scale = math.log(19 * (projection_KC.shape[1] - 1))
    query_QK = open_encoder(context, encoders[0]).embed(source).astype(float)
    gallery_GK, _ = codes_of(context, open_encoder(context, encoders[1]), "test")
    sides = [softmax(scale * codes @ projection_KC, axis=1) for codes in (query_QK, gallery_GK)]
    for query, scores_G in zip(found.queries, sides[0] @ sides[1].T, strict=True):
        scores = np.sort(scores_G)[::-1][:5]
        assert [hit.score for hit in query.hits] == pytest.approx(scores, abs=1e-6)
        assert [scores_G[hit.row] for hit in query.hits] == pytest.approx(scores, abs=1e-6)


@pytest.mark.parametrize("other", [{"index": "hnsw"}, {"codes": [Path("a.npy")]}])
def test_an_index_and_files_are_ranked_by_cosine(
    context: Context, source: str, other: dict[str, Any]
) -> None:
    with pytest.raises(UserError, match=r"rank by cosine, not by posterior"):
        search(
            context,
            query="image",
            source=source,
            gallery="text",
            similarity="posterior",
            **other,
        )


def test_one_row_and_its_class(context: Context, source: str) -> None:
    every = search(context, query="image", source=source, gallery="text", top=4)
    found = search(
        context, query="image", source=source, gallery="text", top=4, row=2, class_name="2"
    )
    (query,) = found.queries
    assert query.row == 2
    assert query.hits == every.queries[2].hits
    right = [hit.classes == ("2",) for hit in query.hits]
    assert query.precision == sum(right) / 4


def test_more_hits_than_items_are_all_items(context: Context, source: str) -> None:
    found = search(context, query="image", source=source, gallery="text", top=1000)
    assert [sorted(hit.row for hit in query.hits) for query in found.queries] == [
        list(range(12))
    ] * 3


def test_the_same_modality_finds_the_item_itself(context: Context, tmp_path: Path) -> None:
    data = tiny.arrays("image")
    np.save(tmp_path / "test.npy", data["X"][data["split"] == 2])
    found = search(
        context, query="image", source=str(tmp_path / "test.npy"), gallery="image", top=1
    )
    assert [query.hits[0].row for query in found.queries] == list(range(12))
    assert [query.hits[0].score for query in found.queries] == pytest.approx([1.0] * 12)


def test_the_split_is_the_one_of_the_settings(finished: Path, source: str) -> None:
    file = tiny.write_experiment(finished, "image", "text", evaluation={"split": "train"})
    found = search(tiny.open_file(file), query="image", source=source, gallery="text", top=1000)
    assert len(found.queries[0].hits) == 36
    assert found.queries[0].hits[0].item.startswith("text train row ")


def test_the_result_is_plain_json(context: Context, source: str) -> None:
    found = search(context, query="image", source=source, gallery="text", top=2, class_name="0")
    document = json.loads(json.dumps(found.to_json()))
    assert document.keys() == {"queries"}
    first = document["queries"][0]
    assert first.keys() == {"row", "hits", "precision"}
    assert first["hits"][0].keys() == {"rank", "score", "row", "item", "classes"}


def test_items_show_their_text_and_all_their_classes(make: MakeContext, tmp_path: Path) -> None:
    context = make("image", subspace={"classes": ["0", "1", "2"]})
    data = tiny.arrays("image")
    hot = np.eye(3, dtype=np.uint8)[data["y"]]
    hot[:, 1] = 1
    np.savez(tmp_path / "image.npz", **{**data, "y": hot})
    prepare(context)
    train(context, "image")
    np.save(tmp_path / "x.npy", data["X"][-1])
    found = search(
        context, query="image", source=str(tmp_path / "x.npy"), gallery="image", class_name="1"
    )
    assert found.queries[0].precision == 1
    assert found.queries[0].hits[0].classes == ("1", "2")


def test_an_index_says_what_it_finds(context: Context, source: str) -> None:
    pytest.importorskip("faiss")
    exact = search(context, query="image", source=source, gallery="text", top=5)
    found = search(context, query="image", source=source, gallery="text", top=5, index="hnsw")
    assert found.recall == 1.0  # a graph of twelve items misses none
    assert found.queries == exact.queries
    assert json.loads(json.dumps(found.to_json())).keys() == {"queries", "recall"}


@pytest.mark.parametrize("row", [-1, 3, 99])
def test_a_row_that_is_not_there(context: Context, source: str, row: int) -> None:
    with pytest.raises(DataError, match=rf"--row must be from 0 to 2 for .*x\.npy, not {row}"):
        search(context, query="image", source=source, gallery="text", row=row)


@pytest.mark.parametrize("top", [0, -1])
def test_no_hits_at_all_are_refused(context: Context, source: str, top: int) -> None:
    with pytest.raises(UserError, match=f"--top must be at least 1, not {top}"):
        search(context, query="image", source=source, gallery="text", top=top)


def test_an_unknown_class_or_modality(context: Context, source: str) -> None:
    with pytest.raises(UserError, match=r"--class must be .*not 'cat': 0, 1, 2"):
        search(context, query="image", source=source, gallery="text", class_name="cat")
    for query, gallery in (("audio", "text"), ("image", "audio")):
        with pytest.raises(NotFoundError, match="'audio'"):
            search(context, query=query, source=source, gallery=gallery)


def test_code_files_are_searched_as_one_gallery(finished: Path) -> None:
    context = tiny.open_file(finished / "experiment.yaml")
    source = finished / "queries.npy"
    np.save(source, tiny.arrays("image")["X"][:3])
    np.save(finished / "texts.npy", tiny.arrays("text")["X"])
    embed(context, "text", str(finished / "texts.npy"), finished / "whole.npy")
    whole_GK = np.load(finished / "whole.npy")
    files = [finished / "a.npy", finished / "b.npy"]
    np.save(files[0], whole_GK[:25])
    np.save(files[1], whole_GK[25:])
    how: dict[str, Any] = {"query": "image", "source": str(source), "gallery": "text", "top": 30}
    whole = search(context, **how, codes=[finished / "whole.npy"])
    parts = search(context, **how, codes=files)
    for one, other in zip(whole.queries, parts.queries, strict=True):
        assert [hit.score for hit in one.hits] == [hit.score for hit in other.hits]
        rows = [hit.row + (25 if str(files[1]) in hit.item else 0) for hit in other.hits]
        assert rows == [hit.row for hit in one.hits]
        assert other.hits[0].item == f"{files[rows[0] >= 25]} row {other.hits[0].row}"


def test_code_files_that_cannot_be_searched_are_refused(finished: Path) -> None:
    context = tiny.open_file(finished / "experiment.yaml")
    np.save(finished / "q.npy", tiny.arrays("image")["X"][:1])
    np.save(finished / "flat.npy", np.zeros(4, np.float32))
    np.save(finished / "narrow.npy", np.ones((4, 3), np.float32))
    how: dict[str, Any] = {"query": "image", "source": str(finished / "q.npy"), "gallery": "text"}
    with pytest.raises(DataError, match=r"flat\.npy must hold one matrix"):
        search(context, **how, codes=[finished / "flat.npy"])
    with pytest.raises(DataError, match="--codes"):
        search(context, **how, codes=[finished / "absent.npy"])
    with pytest.raises(DataError, match="one width"):
        search(context, **how, codes=[finished / "narrow.npy"])
    with pytest.raises(UserError, match="leave out --class and --index"):
        search(context, **how, codes=[finished / "narrow.npy"], class_name="1")
