from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser

from sdml.report import Clustering, Example, Extras, Hit, Item
from sdml.report.document import History
from sdml.report.page import report_page
from sdml.retrieval.cross_modal import CrossModalResult
from sdml.retrieval.recall import RecallResult


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(
    evaluation: CrossModalResult, histories: dict[str, History], extras: Extras | None = None
) -> tuple[str, Reader]:
    page = report_page(
        evaluation,
        title="<i>$title</i>",
        details={"encoder <image>": "s3://bucket/a&b"},
        histories=histories,
        extras=extras or Extras(),
    ).decode()
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return page, reader


def test_the_page_is_whole_and_stands_alone(
    evaluation: CrossModalResult, histories: dict[str, History]
) -> None:
    page, reader = read(evaluation, histories)
    assert reader.links == []
    assert not {"script", "link", "img", "iframe"} & reader.tags
    assert "url(" not in page
    assert "@import" not in page
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page
    assert page.count("<svg") == 2 * 2 * 3 + 2


def test_every_given_text_is_shown_as_text(
    evaluation: CrossModalResult, histories: dict[str, History]
) -> None:
    _, reader = read(evaluation, histories)
    for text in ("<i>$title</i>", "encoder <image>", "s3://bucket/a&b", "tea & cake"):
        assert text in reader.words
    assert "<script>alert(1)</script>" in reader.words


def test_every_direction_is_in_the_tables(
    evaluation: CrossModalResult, histories: dict[str, History]
) -> None:
    page, _ = read(evaluation, histories)
    for pair in evaluation.pairs:
        assert f">{pair.map:.3f}<small>{pair.map_at_k:.3f}</small>" in page
    assert f"{evaluation.mean_chance():.3f}" in page
    assert "best epoch 2" in page


def test_charts_hold_no_number_that_is_not_finite(
    evaluation: CrossModalResult, histories: dict[str, History]
) -> None:
    spoilt: dict[str, History] = {
        "image": [*histories["image"], {"epoch": 4.0, "train_loss": float("nan")}],
        "text": [{"epoch": 1.0, "train_loss": 2.0}],
        "audio": [{"epoch": 1.0, "train_loss": float("inf")}],
    }
    page, _ = read(evaluation, spoilt)
    assert not re.search(r'["\s,](nan|inf)', page)
    assert page.count("<circle") == 1
    assert "audio: loss" not in page


PICTURE, SOUND = "data:image/png;base64,AAAA", "data:audio/wav;base64,BBBB"


def extras() -> Extras:
    tea = Item(text="a <cup>", classes=("tea & cake",), preview=PICTURE)
    cat = Item(text="meow.wav", classes=("cat",), preview=SOUND)
    word = Item(text="<b>word</b>", classes=())
    hits = (
        Hit(item=cat, score=0.5, relevant=False),
        Hit(item=word, score=0.25, relevant=False),
        Hit(item=tea, score=0.125, relevant=True),
    )
    recall = (
        RecallResult(
            query="image",
            gallery="text",
            similarity="cosine",
            recall=(0.111, 0.222, 0.333),
            median_rank=math.inf,
        ),
    )
    return Extras(
        recall=recall,
        clustering=Clustering(clusters=3, items=64, ami=0.444, nmi=0.555, ari=0.666),
        examples=(Example(modality="image", query=tea, hits={"audio": hits}),),
    )


def test_what_else_was_found_is_shown(evaluation: CrossModalResult) -> None:
    page, reader = read(evaluation, {}, extras())
    for words in ("0.111", "0.222", "0.333", "never", "0.444", "0.555", "0.666"):
        assert words in reader.words, words
    assert "image as query" in reader.words
    assert "a <cup>" not in reader.words  # it is the picture's name
    assert "<b>word</b>" in reader.words
    assert page.count('aria-label="relevant"') == 1
    assert page.count('aria-label="not relevant"') == 2


def test_recall_says_what_it_is_of(evaluation: CrossModalResult) -> None:
    page, _ = read(evaluation, {}, extras())
    assert "any item of the class" in page
    page, _ = read(evaluation, {}, replace(extras(), pairs=True))
    assert "the item of their own row" in page
    assert "any item of the class" not in page


def test_previews_are_inside_and_nothing_may_be_loaded(evaluation: CrossModalResult) -> None:
    page, reader = read(evaluation, {}, extras())
    assert sorted(reader.links) == sorted([PICTURE, PICTURE, SOUND])
    assert "default-src 'none'" in page
    assert 'alt="a &lt;cup&gt;"' in page


def test_parts_that_were_not_found_are_left_out(evaluation: CrossModalResult) -> None:
    page, _ = read(evaluation, {})
    for title in ("Recall", "Clusters", "Examples"):
        assert f"<h2>{title}" not in page
    page, _ = read(evaluation, {}, Extras(clustering="a <reason>"))
    assert "Not measured: a &lt;reason&gt;." in page
