"""report.html: one file that needs no network, for a phone or a desk, in light or dark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from string import Template

from sdml.report.chart import svg_chart
from sdml.report.document import History
from sdml.report.extras import Extras
from sdml.report.lines import Panel, loss_panels, recall_panels, scope_panels
from sdml.report.page_extras import cluster_section, example_section, recall_section
from sdml.retrieval.cross_modal import CrossModalResult
from sdml.retrieval.direction import PairResult
from sdml.retrieval.similarity import Similarity

_SIMILARITY_NOTES: dict[Similarity, str] = {
    "cosine": "Codes are compared by the cosine of the angle between them.",
    "posterior": "Codes are compared by what they say about the classes: how likely two of them "
    "are of one class or, with several labels an item, how many labels they are expected to share.",
}
_DENOMINATORS = {
    "hits": "the relevant items found among the first k",
    "min": "the smaller of k and the number of relevant items",
    "relevant": "the number of relevant items",
}
_EMPTY = {"zero": "scores zero", "skip": "is left out of the mean"}
_RELEVANCE = {
    "any": "shares at least one class with the query",
    "exact": "has exactly the classes of the query",
}


def report_page(
    evaluation: CrossModalResult,
    *,
    title: str,
    details: Mapping[str, str],
    histories: Mapping[str, History],
    extras: Extras,
) -> bytes:
    """The page in UTF-8. Every given text is escaped."""
    folder = files("sdml.report")
    page = Template(folder.joinpath("template.html").read_text(encoding="utf-8")).substitute(
        style=folder.joinpath("style.css").read_text(encoding="utf-8"),
        title=escape(title),
        tiles=_tiles(evaluation),
        tables="".join(_map_table(evaluation, name) for name in evaluation.similarities),
        reading=_reading(evaluation),
        curves="".join(_curves(evaluation, name) for name in evaluation.similarities),
        classes="".join(_class_table(evaluation, name) for name in evaluation.similarities),
        recall=recall_section(extras, evaluation.similarities),
        clusters=cluster_section(extras.clustering),
        examples=example_section(extras.examples),
        losses=_losses(histories),
        lineage=_lineage(evaluation, details),
    )
    return page.encode()


def _tiles(evaluation: CrossModalResult) -> str:
    tiles = [
        (f"{evaluation.mean_map(name):.3f}", f"mean mAP, {name}")
        for name in evaluation.similarities
    ]
    tiles.append((f"{evaluation.mean_chance():.3f}", "mean mAP of chance"))
    tiles.append((str(len(evaluation.modalities)), "modalities"))
    return "".join(f"<div><b>{value}</b><span>{label}</span></div>" for value, label in tiles)


def _map_table(evaluation: CrossModalResult, similarity: Similarity) -> str:
    names = evaluation.modalities
    k = evaluation.protocol.top_k
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = []
    for query in names:
        pairs = [pair for pair in evaluation.of(similarity) if pair.query == query]
        cells = "".join(
            '<td class="own">–</td>'
            if query == gallery
            else _map_cell(evaluation.pair(query, gallery, similarity))
            for gallery in names
        )
        mean = sum(pair.map for pair in pairs) / len(pairs)
        chance = sum(pair.chance for pair in pairs) / len(pairs)
        rows.append(
            f'<tr><th scope="row">{escape(query)}<small>{evaluation.sizes[query]} items</small>'
            f'</th>{cells}<td class="side">{mean:.3f}</td><td class="side">{chance:.3f}</td></tr>'
        )
    return (
        f"<h3>{escape(similarity.capitalize())}</h3><p>{_SIMILARITY_NOTES[similarity]}</p>"
        f'<div class="scroll"><table class="heat"><caption>mAP over the whole ranking; below it, '
        f"mAP@{k}</caption><thead><tr><th>query ↓ gallery →</th>{head}"
        f'<th scope="col" class="side">mean</th><th scope="col" class="side">chance</th></tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _map_cell(pair: PairResult) -> str:
    shade = f"--v:{100 * pair.map:.0f}%"
    reach = ""
    if pair.sampled is not None:
        reach = f" ±{(pair.sampled.map.high - pair.sampled.map.low) / 2:.3f}"
    return f'<td style="{shade}">{pair.map:.3f}{reach}<small>{pair.map_at_k:.3f}</small></td>'


def _reading(evaluation: CrossModalResult) -> str:
    protocol = evaluation.protocol
    k = protocol.top_k
    empty = sum(pair.empty for pair in evaluation.of(evaluation.similarities[0]))
    sentences = [
        "Each query of one modality (row) ranks all items of another (column). Average precision "
        "(AP) is 1 if all relevant items come first; mAP is its mean over the queries.",
        f"An item is relevant if it {_RELEVANCE[protocol.relevance]}.",
        "Chance is what a random ranking is expected to score. It depends on how many items are "
        "relevant, so compare a figure with the chance beside it.",
        f"mAP@{k} looks at the first {k} items only and divides by "
        f"{_DENOMINATORS[protocol.denominator]} (“{protocol.denominator}”). Compare it "
        "only with figures that name the same depth and denominator.",
        f"A query for which that number is zero {_EMPTY[protocol.empty_query]}; "
        f"{empty} queries, over all directions, have no relevant item in their gallery.",
        "Means over directions give each direction the same weight.",
    ]
    sampled = [pair for pair in evaluation.pairs if pair.sampled is not None]
    if sampled:
        most = max(pair.queries for pair in sampled)
        sentences.append(
            f"The queries are a random sample of at most {most} of each modality, ranked against "
            "the whole gallery; ± is half the width of the 95 % confidence interval."
        )
    return "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)


def _curves(evaluation: CrossModalResult, similarity: Similarity) -> str:
    return (
        f"<h3>{escape(similarity.capitalize())}: precision at recall</h3>"
        + _charts(recall_panels(evaluation, similarity))
        + f"<h3>{escape(similarity.capitalize())}: precision among the first K</h3>"
        + _charts(scope_panels(evaluation, similarity))
    )


def _class_table(evaluation: CrossModalResult, similarity: Similarity) -> str:
    pairs = evaluation.of(similarity)
    held = dict.fromkeys(name for pair in pairs for name in pair.per_class_map)
    names = [name for name in evaluation.classes or held if name in held]
    if not names:
        return ""
    head = "".join(
        f'<th scope="col">{escape(pair.query)} → {escape(pair.gallery)}</th>' for pair in pairs
    )
    rows = []
    for name in names:
        cells = "".join(
            f'<td style="--v:{100 * value:.0f}%">{value:.3f}</td>'
            if (value := pair.per_class_map.get(name)) is not None
            else '<td class="own">–</td>'
            for pair in pairs
        )
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    return (
        f"<details{' open' if len(names) <= 20 else ''}>"
        f"<summary>{escape(similarity.capitalize())}: {len(names)} classes</summary>"
        f'<div class="scroll"><table class="heat"><thead><tr><th>class</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></details>"
    )


def _losses(histories: Mapping[str, History]) -> str:
    charts = "".join(
        _charts(panels) for name in histories if (panels := loss_panels(name, histories[name]))
    )
    if not charts:
        return ""
    return (
        "<section><h2>Training</h2><p>Each modality was trained alone. The encoder kept is that of "
        "the epoch marked by the dotted line, unless the run asked for the last one.</p>"
        f"{charts}</section>"
    )


def _lineage(evaluation: CrossModalResult, details: Mapping[str, str]) -> str:
    protocol = evaluation.protocol
    rows = dict(details)
    rows["protocol"] = (
        f"k {protocol.top_k}, denominator {protocol.denominator}, empty queries "
        f"{protocol.empty_query}, relevance {protocol.relevance}"
    )
    if evaluation.temperature is not None:
        rows["posterior temperature"] = f"{evaluation.temperature:.4g}"
    return "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows.items()
    )


def _charts(panels: Iterable[Panel]) -> str:
    return f'<div class="charts">{"".join(svg_chart(panel) for panel in panels)}</div>'
