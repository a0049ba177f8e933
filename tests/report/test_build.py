from __future__ import annotations

import json
import math

from sdml.report import Clustering, Extras, build_report
from sdml.report.document import History, report_document
from sdml.retrieval.cross_modal import CrossModalResult
from sdml.retrieval.recall import RecallResult

PNG = b"\x89PNG\r\n\x1a\n"
FIGURES = {f"{kind}_cosine.png" for kind in ("map", "precision_recall", "precision_scope")}


def test_all_files_are_there_and_equal_input_gives_equal_bytes(
    small: CrossModalResult, histories: dict[str, History]
) -> None:
    details = {"software": "sdml 0.0.0"}
    made = build_report(small, title="t", details=details, histories=histories)
    assert set(made) == FIGURES | {"report.json", "report.html", "losses.png"}
    for name in FIGURES | {"losses.png"}:
        assert made[name].startswith(PNG)
        assert b"tEXt" not in made[name]
    again = build_report(small, title="t", details=details, histories=histories)
    assert again == made


def test_without_histories_there_is_no_loss_figure(small: CrossModalResult) -> None:
    made = build_report(small, title="t", details={}, histories={"image": []})
    assert set(made) == FIGURES | {"report.json", "report.html"}
    assert b"<h2>Training" not in made["report.html"]


def test_the_document_says_everything(
    evaluation: CrossModalResult, histories: dict[str, History]
) -> None:
    broken = [*histories["image"], {"epoch": 4, "train_loss": math.nan}]
    document = json.loads(
        report_document(
            evaluation,
            title="ünï",
            details={"a": "b"},
            histories={"image": broken},
            extras=Extras(),
        )
    )
    assert document["schema"] == 1
    assert (document["title"], document["details"]) == ("ünï", {"a": "b"})
    assert document["protocol"] == {
        "top_k": 50,
        "denominator": "min",
        "empty_query": "zero",
        "relevance": "any",
    }
    assert document["modalities"] == {"image": 30, "text": 25, "audio": 9}
    assert document["classes"] == list(evaluation.classes or ())
    assert document["temperature"] == evaluation.temperature
    assert len(document["pairs"]) == 12
    for found, pair in zip(document["pairs"], evaluation.pairs, strict=True):
        assert (found["query"], found["gallery"]) == (pair.query, pair.gallery)
        assert (found["map"], found["chance"]) == (pair.map, pair.chance)
        assert found["per_class_map"] == pair.per_class_map
        assert tuple(found["curves"]["precision_at_scope"]) == pair.curves.precision_at_scope
    assert document["means"]["cosine"]["map"] == evaluation.mean_map("cosine")
    assert document["histories"]["image"][3] == {"epoch": 4, "train_loss": None}
    assert (document["recall"], document["clustering"]) == ([], None)


def test_the_document_says_what_else_was_found(small: CrossModalResult) -> None:
    def written(extras: Extras) -> dict[str, object]:
        made = report_document(small, title="", details={}, histories={}, extras=extras)
        found = json.loads(made)
        assert isinstance(found, dict)
        return found

    recall = RecallResult(
        query="image",
        gallery="text",
        similarity="cosine",
        recall=(0.25, 0.5, 1.0),
        median_rank=math.inf,
    )
    scores = Clustering(clusters=3, items=17, ami=0.1, nmi=0.2, ari=0.3)
    document = written(Extras(recall=(recall,), clustering=scores))
    assert document["recall"] == [
        {
            "query": "image",
            "gallery": "text",
            "similarity": "cosine",
            "recall": {"1": 0.25, "5": 0.5, "10": 1.0},
            "median_rank": None,
        }
    ]
    assert document["clustering"] == {
        "clusters": 3, "items": 17, "ami": 0.1, "nmi": 0.2, "ari": 0.3
    }  # fmt: skip
    assert written(Extras(clustering="why"))["clustering"] == {"missing": "why"}
