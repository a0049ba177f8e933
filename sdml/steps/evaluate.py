"""Evaluate: stored encoders in, mAP between all pairs of modalities and a report out."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sdml.errors import NotFoundError, UserError
from sdml.experiment import EvaluationSettings
from sdml.report import build_report
from sdml.retrieval import CrossModalResult, Protocol, QuerySample, evaluate_sampled
from sdml.retrieval import evaluate as evaluate_pairs
from sdml.steps.context import Context, read_subspace
from sdml.steps.encoders import codes_of, newest_encoders, open_encoder, same_subspace
from sdml.steps.evaluation_extras import extras_of
from sdml.steps.tracked_evaluation import Tracked, track, track_settings
from sdml.store import Version
from sdml.tracking import Run

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """Figures under the first similarity of the settings; the report has all of them.

    Of a sample of the queries, each pair has ``low`` and ``high``, and the mean an interval too.
    """

    report: str
    similarity: str
    pairs: list[dict[str, Any]]
    mean_map: float
    mean_interval: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """What ``sdml evaluate --json`` prints."""
        said = {"pairs": self.pairs, "mean_map": self.mean_map, "report": self.report}
        return said if self.mean_interval is None else {**said, "mean_interval": self.mean_interval}

    def metrics(self) -> dict[str, float]:
        """The names under which an evaluation is tracked (docs/tracking.md)."""
        made = {
            **{f"map/{p['query']}_to_{p['gallery']}": p["map"] for p in self.pairs},
            "map/mean": self.mean_map,
        }
        if self.mean_interval is not None:
            for side, mean in zip(("low", "high"), self.mean_interval, strict=True):
                for p in self.pairs:
                    made[f"map_{side}/{p['query']}_to_{p['gallery']}"] = p[side]
                made[f"map_{side}/mean"] = mean
        return made

    def write_html(self, context: Context, path: str) -> None:
        """Copy the self-contained report to a file."""
        version = context.catalog.get(self.report)
        Path(path).write_bytes(context.catalog.read(version, "report.html"))


def evaluate(
    context: Context,
    *,
    encoders: Sequence[str] | None = None,
    run: Run | None = None,
    name: str = "evaluate",
) -> Evaluated:
    """Evaluate encoders of one subspace against each other on the settings' split.

    Args:
        encoders: URIs; by default the newest one of each modality in the store.
        run: tracking run that gets the figures; by default a run of its own.
        name: of that own run.

    Raises:
        NotFoundError: fewer than two modalities have an encoder.
        UserError: two encoders of one modality.
        SubspaceError: the encoders belong to different subspaces.
    """
    catalog = context.catalog
    versions = (
        [catalog.get(uri) for uri in encoders] if encoders is not None else newest_encoders(context)
    )
    if len({version.manifest.modality for version in versions}) < 2:
        have = ", ".join(sorted({v.manifest.modality or "" for v in versions})) or "none"
        raise NotFoundError(
            f"evaluation between modalities needs encoders of at least two, and {catalog.uri} "
            f"has for the current subspace: {have}: run 'sdml train' for another modality first"
        )
    twice = [m for m, count in Counter(v.manifest.modality for v in versions).items() if count > 1]
    if twice:
        raise UserError(
            f"evaluation takes one encoder of each modality, but of {twice[0]} it got several: "
            "name one of them"
        )
    subspace_version = same_subspace(context, versions)
    subspace = read_subspace(catalog, subspace_version)
    settings = context.experiment.evaluation
    opened = [open_encoder(context, version) for version in versions]
    embedded = {}
    for encoder in sorted(opened, key=lambda e: e.modality):
        codes_NK, split = codes_of(context, encoder, settings.split)
        embedded[encoder.modality] = (codes_NK, split)
    labelled = {name: (codes_NK, split.labels) for name, (codes_NK, split) in embedded.items()}
    multi_label = any(labels.ndim == 2 for _, labels in labelled.values())
    how: dict[str, Any] = {
        "protocol": protocol_of(settings, multi_label=multi_label),
        "projection_KC": subspace.projection_KC,
        "classes": subspace.classes,
        "similarities": settings.similarity,
        "block_bytes": settings.block_mebibytes * 2**20,
    }
    if settings.sample is None:
        result = evaluate_pairs(labelled, **how)
    else:
        sample = QuerySample(queries=settings.sample.queries, seed=settings.sample.seed)
        result = evaluate_sampled(labelled, sample=sample, **how)
    extras = extras_of(context, opened, embedded, result, subspace, settings)
    objects = build_report(
        result,
        title=f"{context.experiment.collection}: retrieval between modalities",
        details=_details(context, versions, subspace.identity, settings),
        histories={
            v.manifest.modality or "": json.loads(catalog.read(v, "history.json")) for v in versions
        },
        extras=extras,
    )
    report = catalog.publish(
        "report",
        objects=objects,
        settings=settings.model_dump(mode="json", exclude=None if settings.sample else {"sample"}),
        made_from={
            "subspace": subspace_version.path,
            **{f"encoder-{v.manifest.modality}": v.path for v in versions},
        },
    )
    evaluated = _evaluated(result, settings, report.uri)
    found = Tracked(evaluated.metrics(), result, extras, versions, report, objects)
    if run is not None:
        track(run, context, found)
    else:
        tags = {
            "collection": context.experiment.collection,
            "level": "evaluation",
            "subspace": subspace.identity,
        }
        with context.tracker.start(context.experiment.collection, name, tags=tags) as own:
            track_settings(own, versions)
            track(own, context, found)
    logger.info("evaluated %d pairs: %s", len(evaluated.pairs), report.uri)
    return evaluated


def newest_report(context: Context) -> Evaluated:
    """The newest evaluation in the store.

    Raises:
        NotFoundError: the collection has none.
    """
    version = context.catalog.latest("report")
    document = json.loads(context.catalog.read(version, "report.json"))
    first = document["similarities"][0]
    pairs = [
        {
            **{key: pair[key] for key in ("query", "gallery", "map", "map_at_k", "chance")},
            **(pair["sampled"]["map"] if "sampled" in pair else {}),
        }
        for pair in document["pairs"]
        if pair["similarity"] == first
    ]
    means = document["means"][first]
    found = means.get("map_interval")
    return Evaluated(
        report=version.uri,
        similarity=first,
        pairs=pairs,
        mean_map=means["map"],
        mean_interval=(found["low"], found["high"]) if found else None,
    )


def protocol_of(settings: EvaluationSettings, *, multi_label: bool) -> Protocol:
    """The retrieval protocol that the settings name."""
    if settings.preset == "reference":
        return Protocol.reference(settings.top_k, multi_label=multi_label)
    return Protocol(
        top_k=settings.top_k,
        denominator=settings.denominator,
        empty_query=settings.empty_query,
        relevance=settings.relevance,
    )


def _evaluated(result: CrossModalResult, settings: EvaluationSettings, report: str) -> Evaluated:
    first = settings.similarity[0]
    pairs = [
        {
            "query": pair.query,
            "gallery": pair.gallery,
            "map": pair.map,
            "map_at_k": pair.map_at_k,
            "chance": pair.chance,
            **(asdict(pair.sampled.map) if pair.sampled else {}),
        }
        for pair in result.of(first)
    ]
    found = result.mean_intervals.get(first)
    return Evaluated(
        report=report,
        similarity=first,
        pairs=pairs,
        mean_map=result.mean_map(first),
        mean_interval=(found.low, found.high) if found else None,
    )


def _details(
    context: Context, versions: Sequence[Version], subspace: str, settings: EvaluationSettings
) -> dict[str, str]:
    return {
        "collection": context.experiment.collection,
        "subspace": subspace,
        "split": settings.split,
        **{f"encoder {v.manifest.modality}": f"{v.path}{_remark(v)}" for v in versions},
    }


def _remark(encoder: Version) -> str:
    """What a reader of figures should know of the encoder's method."""
    if encoder.manifest.settings.get("method") != "mtls":
        return ""
    return " (method mtls: our reading of the paper, not its authors' method)"
