"""Compare: the reports of a collection side by side, one row for each way of training.

The source is the store, where every evaluation leaves a report, tracked or not; a run of MLflow
stands for the reports that it names. What differs only in its seeds is one row, with the mean and
the standard deviation.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sdml.errors import NotFoundError, UserError
from sdml.report import Figure, Row, comparison_page
from sdml.report.comparison import cells, columns, pair_names
from sdml.steps.context import Context, origin
from sdml.steps.identity import BEST_EPOCH
from sdml.store import Catalog, Version, open_store
from sdml.tracking import open_registry

_URI = re.compile(r"(?P<store>.+)/(?P<collection>[^/]+)/(?P<path>reports/[^/]+)/*")
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_OWN_COLUMNS = ("lambda", "method")
_PROTOCOL = ("split", "preset", "denominator", "empty_query", "relevance")

Settings = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Result:
    """One report under one similarity: what it was made with, and what came out."""

    modalities: tuple[str, ...]
    similarity: str
    settings: Settings
    seeds: tuple[int | None, ...]
    map: float
    chance: float
    pairs: dict[str, float]
    report: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Rows, ordered by what was evaluated, method, similarity and λ."""

    rows: list[Row]

    def to_json(self) -> dict[str, Any]:
        """What ``sdml compare --json`` prints."""
        made = [asdict(row) for row in self.rows]
        return {"rows": [{"lambda": row.pop("lambda_"), **row} for row in made]}

    def table(self, *, pairs: bool) -> list[list[str]]:
        """Headings, then the cells of each row; with ``pairs`` a column for each direction."""
        shown, names = columns(self.rows), pair_names(self.rows) if pairs else []
        lines = [[*shown, *names]]
        for row in self.rows:
            figures = [str(row.pairs[name]) if name in row.pairs else "–" for name in names]
            lines.append([*cells(row, shown), *figures])
        return lines

    def page(self, title: str) -> bytes:
        """The rows and λ's curve as one HTML file."""
        return comparison_page(self.rows, title=title)


def compare(context: Context | None, names: Sequence[str]) -> Comparison:
    """Put reports side by side.

    Args:
        context: the collection; needed unless all names are URIs of reports.
        names: URIs or ids of reports, or ids of MLflow runs, which stand for their reports and
            those of the runs below them; all reports of the collection if there are none.

    Raises:
        UserError: no name and no collection, or a name that needs one.
        NotFoundError: there is no such report or run, or none at all.
        TrackingError: MLflow is asked and does not answer.
    """
    if not names:
        if context is None:
            raise UserError("name reports to compare, or a collection with --experiment FILE.yaml")
        reports = [(context.catalog, version) for version in context.catalog.versions("report")]
        if not reports:
            raise NotFoundError(f"{context.catalog.uri} has no report: run 'sdml evaluate' first")
    else:
        reports = [found for name in names for found in _named(context, name)]
    newest = {_contents(c, v) + _measured(v): (c, v) for c, v in reports}
    results = [result for c, v in newest.values() for result in _results(c, v)]
    return Comparison(rows=_rows(results))


def _named(context: Context | None, name: str) -> list[tuple[Catalog, Version]]:
    if context is not None and _RUN_ID.fullmatch(name):
        found = open_registry(context.experiment.tracking).reports(name)
        return [pair for uri in found for pair in _named(context, uri)]
    match = _URI.fullmatch(name)
    if match:
        catalog = Catalog(open_store(match["store"]), match["collection"])
        return [(catalog, catalog.get(match["path"]))]
    if context is None:
        raise UserError(
            f"RUN must be the URI of a report, not {name!r}, unless a collection is named: "
            "add --experiment FILE.yaml"
        )
    path = name if name.startswith("reports/") else f"reports/{name}"
    return [(context.catalog, context.catalog.get(path))]


def _contents(catalog: Catalog, report: Version) -> tuple[tuple[str, str], ...]:
    """What was evaluated: an encoder and its copy are the same one."""
    return tuple(
        (role, str(catalog.get(path).manifest.objects))
        for role, path in sorted(report.manifest.made_from.items())
    )


def _measured(report: Version) -> tuple[tuple[str, str], ...]:
    settings = report.manifest.settings
    return tuple((key, str(settings.get(key))) for key in _PROTOCOL)


def _results(catalog: Catalog, report: Version) -> list[_Result]:
    document = json.loads(catalog.read(report, "report.json"))
    modalities = tuple(document["modalities"])
    settings, seeds = _made_with(catalog, report, modalities)
    return [
        _Result(
            modalities=modalities,
            similarity=similarity,
            settings=settings,
            seeds=seeds,
            map=document["means"][similarity]["map"],
            chance=document["mean_chance"],
            pairs={
                f"{pair['query']} → {pair['gallery']}": pair["map"]
                for pair in document["pairs"]
                if pair["similarity"] == similarity
            },
            report=report.uri,
        )
        for similarity in document["similarities"]
    ]


def _made_with(
    catalog: Catalog, report: Version, modalities: Sequence[str]
) -> tuple[Settings, tuple[int | None, ...]]:
    """Settings of evaluation, subspace and encoders without seeds; and the seeds.

    What all encoders share has its bare name; else the name of the modality stands before it.
    """
    subspace = catalog.get(origin(report, "subspace")).manifest
    seeds = [subspace.seed]
    own = {}
    for modality in modalities:
        manifest = catalog.get(origin(report, f"encoder-{modality}")).manifest
        seeds.append(manifest.seed)
        own[modality] = _without(manifest.settings, "seed", BEST_EPOCH, "threads", "device")
    settings: Settings = dict(_measured(report))
    made = _without(subspace.settings, "seed", "classes")
    settings |= {f"subspace.{name}": value for name, value in made.items()}
    for name in dict.fromkeys(key for one in own.values() for key in one):
        values = {modality: one.get(name) for modality, one in own.items()}
        if len({json.dumps(value) for value in values.values()}) == 1:
            settings[name] = next(iter(values.values()))
        else:
            settings |= {f"{modality}.{name}": value for modality, value in values.items()}
    return settings, tuple(seeds)


def _without(settings: Mapping[str, Any], *names: str) -> Settings:
    return {name: value for name, value in settings.items() if name not in names}


def _rows(results: Sequence[_Result]) -> list[Row]:
    groups: dict[str, list[_Result]] = {}
    for result in results:
        key = json.dumps([result.modalities, result.similarity, result.settings], sort_keys=True)
        groups.setdefault(key, []).append(result)
    varying = _varying([group[0].settings for group in groups.values()])
    rows = [_row(group, varying) for group in groups.values()]
    return sorted(rows, key=lambda r: (r.modalities, r.other, r.method, r.similarity, r.lambda_))


def _varying(all_settings: Sequence[Settings]) -> list[str]:
    """The settings that are not the same in all rows, but for those with a column of their own."""
    names = dict.fromkeys(name for settings in all_settings for name in settings)
    return [
        name
        for name in names
        if name.rpartition(".")[2] not in _OWN_COLUMNS
        and len({json.dumps(settings.get(name)) for settings in all_settings}) > 1
    ]


def _row(group: Sequence[_Result], varying: Sequence[str]) -> Row:
    first = group[0]
    return Row(
        lambda_=_own(first, "lambda"),
        method=_own(first, "method"),
        similarity=first.similarity,
        modalities=first.modalities,
        other=", ".join(
            f"{name} {_short(first.settings[name])}" for name in varying if name in first.settings
        ),
        seeds=len({result.seeds for result in group}),
        map=_figure([result.map for result in group]),
        chance=first.chance,
        pairs={name: _figure([result.pairs[name] for result in group]) for name in first.pairs},
        reports=tuple(result.report for result in group),
    )


def _own(result: _Result, name: str) -> str:
    """The value that all encoders share, or each modality's."""
    if name in result.settings:
        return _short(result.settings[name])
    each = [(m, result.settings.get(f"{m}.{name}")) for m in result.modalities]
    return ", ".join(f"{modality} {_short(value)}" for modality, value in each) or "?"


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _figure(values: Sequence[float]) -> Figure:
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Figure(mean=statistics.fmean(values), deviation=deviation)
