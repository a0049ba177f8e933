from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Run
from tests.steps import tiny

# Item names that a careless printer would take for its own marks.
TEXTS = ["[/b] closed", "[red]red", ":smile:", "a\tb", "<i>", "été"]


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", tiny.arrays("image")["X"][:3])
    return tmp_path / "x.npy"


@pytest.mark.parametrize("asked", [(), ("--similarity", "posterior")])
def test_json_has_every_query_with_its_hits(
    run: Run, finished: Path, queries: Path, asked: tuple[str, ...]
) -> None:
    found = run(
        "search", finished, "--query", "image", "--input", queries, "--gallery", "text",
        "--top", "2", "--json", *asked,
    )  # fmt: skip
    assert (found.code, found.err) == (0, "")
    assert list(found.json) == ["queries"]
    assert [query["row"] for query in found.json["queries"]] == [0, 1, 2]
    for query in found.json["queries"]:
        assert list(query) == ["row", "hits", "precision"]
        assert query["precision"] is None
        assert [hit["rank"] for hit in query["hits"]] == [1, 2]
        for hit in query["hits"]:
            assert list(hit) == ["rank", "score", "row", "item", "classes"]


def test_text_marks_the_hits_of_the_class(run: Run, finished: Path, queries: Path) -> None:
    arguments = (
        "search", finished, "--query", "image", "--input", queries, "--gallery", "text",
        "--row", "1", "--class", "1", "--top", "12",
    )  # fmt: skip
    found = run(*arguments, "--json").json["queries"]
    assert [query["row"] for query in found] == [1]
    assert found[0]["precision"] == pytest.approx(4 / 12)
    shown = run(*arguments).out
    assert "row 1" in shown
    assert shown.count("✓") == 4
    assert shown.splitlines()[-1] == "precision@12 for 1: 0.33"
    assert "✓" not in run(*arguments[:-4]).out


def test_items_are_shown_as_they_are(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    lines = [f"{TEXTS[i % 6]} {i},{'ab'[i % 2]}" for i in range(60)]
    (tmp_path / "words.csv").write_text("X,y\n" + "\n".join(lines) + "\n")
    words = {"source": "words.csv", "extractor": "ngrams"}
    file = tiny.write_experiment(
        tmp_path, modalities={"text": words}, evaluation={"split": "train"}
    )
    assert run("prepare", file).code == 0
    assert run("train", file, "--modality", "text").code == 0
    (tmp_path / "new.txt").write_text("[red]red")
    arguments = (
        "search", file, "--query", "text", "--input", tmp_path / "new.txt",
        "--gallery", "text", "--top", "100",
    )  # fmt: skip
    items = [hit["item"] for hit in run(*arguments, "--json").json["queries"][0]["hits"]]
    assert {item.rpartition(" ")[0] for item in items} == {t.replace("\t", " ") for t in TEXTS}
    shown = run(*arguments)
    assert shown.code == 0
    for text in ("[/b] closed", "[red]red", ":smile:", "<i>"):
        assert text in shown.out


def test_an_index_tells_its_recall(run: Run, finished: Path, queries: Path) -> None:
    pytest.importorskip("faiss")
    arguments = (
        "search", finished, "--query", "image", "--input", queries, "--gallery", "text",
        "--top", "2", "--index", "hnsw",
    )  # fmt: skip
    assert run(*arguments, "--json").json["recall"] == 1.0
    assert run(*arguments).out.splitlines()[-1] == "hnsw found 100.0% of the exact hits"
