"""The tables of growth: from 10⁴ to 10⁹ samples and from 2 to 100 modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.scale.fit import Line
from benchmarks.scale.model import (
    Accelerator,
    Plan,
    directions,
    evaluation_bytes,
    evaluation_work,
    pods,
    transfer_requests,
)

SAMPLES = (10**4, 10**5, 10**6, 10**7, 10**8, 10**9)
MODALITIES = (2, 10, 100)
SAMPLED_QUERIES = 2000
BLOCK = 256 << 20
HELD_OUT = 10  # one sample in so many is tested


@dataclass(frozen=True, kw_only=True)
class Row:
    """One size of a collection. Sizes in bytes, times in hours of one device or one core."""

    samples: int
    modalities: int
    epochs: int
    batch: int
    gpu_hours: float
    features: int
    codes: int
    prepare_hours: float
    evaluation_hours: float
    sampled_hours: float
    evaluation_memory: int
    search_seconds: float
    pods: int
    requests: int
    metrics_per_second: float


def schedule_of(samples: int) -> tuple[int, int]:
    """Epochs and batch: the published ones up to 10⁶ samples, then 10 of 4,096."""
    return (200, 100) if samples <= 10**6 else (10, 4096)


def rows(lines: Mapping[str, Line], requests: Line, device: Accelerator) -> list[Row]:
    """Every size; ``lines`` by the word before the colon, ``requests`` by modalities."""
    return [
        _row(samples, modalities, lines, requests, device)
        for modalities in MODALITIES
        for samples in SAMPLES
    ]


def _row(
    samples: int,
    modalities: int,
    lines: Mapping[str, Line],
    requests: Line,
    device: Accelerator,
) -> Row:
    epochs, batch = schedule_of(samples)
    plan = Plan(samples=samples, modalities=modalities, epochs=epochs, batch=batch)
    gallery = samples // HELD_OUT
    evaluation = lines["evaluation"]
    # One prepared modality is a few objects, of which the features of each split are large.
    parts = 3 * transfer_requests(plan.feature_bytes // modalities // 3) - 3

    def hours(queries: int) -> float:
        seconds = evaluation.price * evaluation_work(queries, gallery)
        return directions(modalities) * (evaluation.constant + seconds) / 3600

    return Row(
        samples=samples,
        modalities=modalities,
        epochs=epochs,
        batch=batch,
        gpu_hours=plan.gpu_hours(device),
        features=plan.feature_bytes,
        codes=plan.code_bytes // HELD_OUT,
        prepare_hours=lines["prepare"].at(plan.feature_bytes) / 3600,
        evaluation_hours=hours(gallery),
        sampled_hours=hours(min(gallery, SAMPLED_QUERIES)),
        evaluation_memory=evaluation_bytes(gallery, BLOCK),
        search_seconds=lines["search"].price * samples,
        pods=pods(modalities),
        requests=round(requests.at(modalities)) + modalities * 2 * parts,
        metrics_per_second=plan.metrics_per_second(device),
    )


def table(made: Sequence[Row]) -> str:
    """For people, and for docs/scale.md."""
    head = (
        "samples | modalities | epochs × batch | GPU-hours | features | codes | prepare | "
        "evaluation | sampled | memory | search | pods | requests | metrics/s"
    )
    lines = [f"| {head} |", "|" + "---|" * len(head.split("|"))]
    for row in made:
        cells: list[Any] = [
            f"{row.samples:.0e}".replace("e+0", "e"),
            row.modalities,
            f"{row.epochs} × {row.batch}",
            short(row.gpu_hours),
            size(row.features),
            size(row.codes),
            f"{short(row.prepare_hours)} h",
            f"{short(row.evaluation_hours)} h",
            f"{short(row.sampled_hours)} h",
            size(row.evaluation_memory),
            f"{short(row.search_seconds)} s",
            row.pods,
            f"{row.requests:,}",
            short(row.metrics_per_second),
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def short(value: float) -> str:
    """Two digits that count."""
    if value == 0 or 0.01 <= value < 1e5:
        return f"{float(f'{value:.2g}'):,g}"
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")


def size(value: float) -> str:
    """Bytes in the unit that fits."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            return f"{float(f'{value:.3g}'):,g} {unit}"
        value /= 1024
    raise AssertionError
