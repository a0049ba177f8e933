"""What the curve panels show, for PNG and HTML alike: named lines over a stated range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sdml.report.document import History
from sdml.retrieval.cross_modal import CrossModalResult
from sdml.retrieval.similarity import Similarity

LOSS_PARTS: tuple[tuple[str, str], ...] = (("loss", "loss"), ("supervised", "supervised part"))


@dataclass(frozen=True, kw_only=True)
class Line:
    """One curve; ``color`` numbers the palette, so that a modality keeps its colour."""

    label: str
    color: int
    x: tuple[float, ...]
    y: tuple[float, ...]
    dashed: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One pair of axes.

    ``unit`` fixes the vertical range to 0…1, ``log`` spaces x by its logarithm, ``mark`` is an x
    to point at.
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    unit: bool = True
    log: bool = False
    mark: float | None = None


def recall_panels(evaluation: CrossModalResult, similarity: Similarity) -> list[Panel]:
    """Precision at recall: a panel for each query modality, a line for each gallery."""
    return _curve_panels(evaluation, similarity, scope=False)


def scope_panels(evaluation: CrossModalResult, similarity: Similarity) -> list[Panel]:
    """Precision at scope: a panel for each query modality, a line for each gallery."""
    return _curve_panels(evaluation, similarity, scope=True)


def _curve_panels(
    evaluation: CrossModalResult, similarity: Similarity, *, scope: bool
) -> list[Panel]:
    names = evaluation.modalities
    panels = []
    for query in names:
        lines = []
        for gallery in (name for name in names if name != query):
            curves = evaluation.pair(query, gallery, similarity).curves
            lines.append(
                Line(
                    label=gallery,
                    color=names.index(gallery),
                    x=curves.scopes if scope else curves.recall_levels,
                    y=curves.precision_at_scope if scope else curves.precision_at_recall,
                )
            )
        panels.append(
            Panel(
                title=f"{query} as query",
                x_label="items shown (K)" if scope else "recall",
                y_label="precision",
                lines=tuple(lines),
                log=scope,
            )
        )
    return panels


def loss_panels(name: str, history: History) -> list[Panel]:
    """Training and validation of one modality: its loss, and the supervised part of it."""
    panels = []
    best = best_epoch(history)
    for part, label in LOSS_PARTS:
        lines = tuple(
            line
            for color, split in enumerate(("train", "validation"))
            if (line := _history_line(history, f"{split}_{part}", split, color)) is not None
        )
        if lines:
            panels.append(
                Panel(
                    title=f"{name}: {label}",
                    x_label="epoch",
                    y_label=label,
                    lines=lines,
                    unit=False,
                    mark=best if part == "supervised" else None,
                )
            )
    return panels


def best_epoch(history: History) -> float | None:
    """The first epoch with the lowest supervised loss on the validation split, if recorded."""
    scored = [
        (record["validation_supervised"], record["epoch"])
        for record in history
        if "epoch" in record and math.isfinite(record.get("validation_supervised", math.nan))
    ]
    return min(scored)[1] if scored else None


def _history_line(history: History, key: str, label: str, color: int) -> Line | None:
    points: Sequence[tuple[float, float]] = [
        (float(record.get("epoch", place)), float(record[key]))
        for place, record in enumerate(history, start=1)
        if math.isfinite(record.get(key, math.nan))
    ]
    if not points:
        return None
    x, y = zip(*points, strict=True)
    return Line(label=label, color=color, x=x, y=y, dashed=label == "validation")
