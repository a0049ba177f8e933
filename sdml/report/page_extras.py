"""Sections of report.html beside average precision: recall, clusters, examples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from sdml.report.extras import Clustering, Example, Extras, Hit, Item
from sdml.retrieval.recall import DEPTHS, RecallResult
from sdml.retrieval.similarity import Similarity


def recall_section(extras: Extras, similarities: Sequence[Similarity]) -> str:
    """R@K and the median rank of every direction; nothing where they were not measured."""
    if not extras.recall:
        return ""
    tables = "".join(
        _recall_table(similarity, [r for r in extras.recall if r.similarity == similarity])
        for similarity in similarities
    )
    if extras.pairs:
        told = (
            "R@K is the share of queries with the item of their own row among the first K; the "
            "median rank is that of this item, 1 at best. No other item counts, whatever its class."
        )
    else:
        told = (
            "R@K is the share of queries with a relevant item among the first K; the median rank "
            "is that of the first relevant item, 1 at best. Relevant is what is relevant for mAP: "
            "with class labels, any item of the class. Publications about pairs ask for the one "
            "item of the pair, which is harder."
        )
    return f"<section><h2>Recall</h2><p>{told}</p>{tables}</section>"


def cluster_section(clustering: Clustering | str | None) -> str:
    """AMI, NMI and ARI, or why there are none."""
    if clustering is None:
        return ""
    if isinstance(clustering, str):
        body = f"<p>Not measured: {escape(clustering)}.</p>"
    else:
        tiles = "".join(
            f"<div><b>{value:.3f}</b><span>{name}</span></div>"
            for name, value in (
                ("adjusted mutual information", clustering.ami),
                ("normalised mutual information", clustering.nmi),
                ("adjusted Rand index", clustering.ari),
            )
        )
        body = (
            f"<p>k-means with {clustering.clusters} clusters on the codes of all modalities "
            f"together ({clustering.items} items), compared with the classes: 1 is agreement, 0 "
            f'that of chance (but for NMI).</p><div class="tiles">{tiles}</div>'
        )
    return f"<section><h2>Clusters</h2>{body}</section>"


def example_section(examples: Sequence[Example]) -> str:
    """Queries with what they find in each gallery."""
    if not examples:
        return ""
    parts = []
    for modality in dict.fromkeys(example.modality for example in examples):
        cards = "".join(_card(example) for example in examples if example.modality == modality)
        parts.append(f"<h3>{escape(modality)} as query</h3>{cards}")
    return (
        "<section><h2>Examples</h2><p>The first items that a query finds in each other modality, "
        'best first. <span class="good">✓</span> has a class of the query, '
        f'<span class="bad">✗</span> has none.</p>{"".join(parts)}</section>'
    )


def _recall_table(similarity: Similarity, results: Sequence[RecallResult]) -> str:
    head = "".join(f'<th scope="col">R@{k}</th>' for k in DEPTHS)
    rows = "".join(
        f'<tr><th scope="row">{escape(result.query)} → {escape(result.gallery)}</th>'
        + "".join(f'<td style="--v:{100 * value:.0f}%">{value:.3f}</td>' for value in result.recall)
        + f'<td class="side">{_rank(result.median_rank)}</td></tr>'
        for result in results
    )
    return (
        f'<h3>{escape(similarity.capitalize())}</h3><div class="scroll"><table class="heat">'
        f'<thead><tr><th>query → gallery</th>{head}<th scope="col" class="side">median rank</th>'
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _rank(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else "never"


def _card(example: Example) -> str:
    rows = "".join(
        f'<div class="found"><h4>{escape(gallery)}</h4><ol>'
        f"{''.join(_hit(hit) for hit in hits)}</ol></div>"
        for gallery, hits in example.hits.items()
    )
    return f'<div class="ask"><div class="item">{_item(example.query)}</div><div>{rows}</div></div>'


def _hit(hit: Hit) -> str:
    mark, name, said = ("✓", "good", "relevant") if hit.relevant else ("✗", "bad", "not relevant")
    sign = f'<i class="{name}" role="img" aria-label="{said}">{mark}</i>'
    return f'<li class="item {name}">{sign}{_item(hit.item)}<small>{hit.score:.3f}</small></li>'


def _item(item: Item) -> str:
    text = escape(item.text)
    classes = escape(", ".join(item.classes))
    shown = f'<span class="text">{text}</span>'
    if item.preview is not None:
        source = escape(item.preview)
        if item.preview.startswith("data:image/"):
            shown = f'<img src="{source}" alt="{text}" title="{text}">'
        else:
            shown = (
                f'<audio controls preload="metadata" src="{source}" title="{text}" '
                f'aria-label="{text}"></audio>'
            )
    return f"{shown}<b>{classes}</b>"
