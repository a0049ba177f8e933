from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdml.features import Split
from sdml.report import Example
from sdml.retrieval.protocol import Protocol
from sdml.steps.evaluate import evaluate
from sdml.steps.examples import HITS, Gallery, examples
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from sdml.subspace import Subspace
from tests.steps import tiny

SUBSPACE = Subspace.unit(("cat", "dog", "owl"))


def gallery(
    labels: list[int] | np.ndarray, seed: int, previews: tuple[str | None, ...] | None = None
) -> Gallery:
    labels = np.asarray(labels)
    codes = np.random.default_rng(seed).normal(size=(len(labels), 3)).astype(np.float32)
    split = Split(
        features_ND=codes, labels=labels, items=tuple(f"{seed}.{i}" for i in range(len(labels)))
    )
    return Gallery(codes_NK=codes, split=split, previews=previews)


def made(galleries: dict[str, Gallery], count: int = 3) -> tuple[Example, ...]:
    return examples(galleries, SUBSPACE, similarity="cosine", protocol=Protocol(), count=count)


def test_hits_are_the_nearest_and_marked_by_class() -> None:
    image, text = gallery([2, 0, 1, 0, -1, 2], 1), gallery([0, 1, 2, -1, 1, 0, 2], 2)
    found = made({"image": image, "text": text})
    assert [(e.modality, e.query.text, e.query.classes) for e in found] == [
        ("image", "1.1", ("cat",)),
        ("image", "1.2", ("dog",)),
        ("image", "1.0", ("owl",)),
        ("text", "2.0", ("cat",)),
        ("text", "2.1", ("dog",)),
        ("text", "2.2", ("owl",)),
    ]
    unit = text.codes_NK / np.linalg.norm(text.codes_NK, axis=1, keepdims=True)
    query = image.codes_NK[1] / np.linalg.norm(image.codes_NK[1])
    order = np.argsort(-(unit @ query))[:HITS]
    hits = found[0].hits["text"]
    assert [hit.item.text for hit in hits] == [f"2.{i}" for i in order]
    assert [hit.relevant for hit in hits] == [bool(text.split.labels[i] == 0) for i in order]
    assert [hit.score for hit in hits] == pytest.approx((unit @ query)[order].tolist())


def test_a_query_with_a_preview_comes_first_and_few_classes_are_spread() -> None:
    image = gallery([0, 0, 1, 2], 1, (None, "data:image/png;base64,AA", None, None))
    found = made({"image": image, "text": gallery([0], 2)}, count=2)
    queries = [e.query for e in found if e.modality == "image"]
    assert [(q.text, q.preview) for q in queries] == [
        ("1.1", "data:image/png;base64,AA"),
        ("1.3", None),
    ]


def test_several_labels_and_none() -> None:
    labels = np.array([[0, 0, 0], [1, 0, 1], [0, 1, 0]], dtype=np.uint8)
    found = made({"image": gallery(labels, 1), "text": gallery(labels, 2)})
    assert {e.query.classes for e in found} == {("cat", "owl"), ("dog",)}
    bare = gallery([-1, -1], 3)
    assert [e.modality for e in made({"image": bare, "text": gallery([0], 2)})] == ["text"]


def test_pictures_go_from_the_source_into_the_report(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = ["path,label,split"]
    for index in range(30):
        pixels = rng.integers(0, 60, (16, 16)).astype(np.uint8)
        pixels[:, 5 * (index % 3) : 5 * (index % 3) + 5] += 150
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
        split = ("train", "validation", "test")[0 if index < 18 else 1 + index % 2]
        rows.append(f"{index}.png,{index % 3},{split}")
    (tmp_path / "images.csv").write_text("\n".join(rows))
    tiny.write_sources(tmp_path, "text")
    image = {
        "source": "images.csv",
        "keys": {"features": "path", "labels": "label"},
        "extractor": {"name": "pixels", "options": {"size": 8}},
    }
    file = tiny.write_experiment(
        tmp_path, "image", "text", modalities={"image": image}, evaluation={"similarity": "cosine"}
    )
    context = tiny.open_file(file)
    prepare(context)
    for name in ("image", "text"):
        train(context, name)
    report = evaluate(context).report
    page = Path(report, "report.html").read_text(encoding="utf-8")
    assert page.count('<img src="data:image/png;base64,') == 3 + 3 * HITS
    assert "text as query" in page
    none = tiny.write_experiment(
        tmp_path,
        "image",
        "text",
        modalities={"image": image},
        evaluation={"similarity": "cosine", "examples": 0},
    )
    page = Path(evaluate(tiny.open_file(none)).report, "report.html").read_text(encoding="utf-8")
    assert "data:image" not in page
