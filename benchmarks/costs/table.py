"""Costs as Markdown: of training everything, and of adding one modality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from benchmarks.costs.work import Cost

# ways that train all modalities together, and their names
JOINT: Mapping[str, str] = MappingProxyType(
    {"joint": "SDML, jointly", "mvdn": "MvDN", "mvldan": "MvLDAN"}
)


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What was measured.

    Attributes:
        epochs: of every way.
        threads: likewise.
        alone: of each modality's network.
        joint: of each way that trains all together.
    """

    epochs: int
    threads: int
    alone: Mapping[str, Cost]
    joint: Mapping[str, Cost]


def markdown(costs: Costs) -> str:
    """Two tables."""
    lines = [
        f"{costs.epochs} epochs, {costs.threads} thread{'s' if costs.threads > 1 else ''}",
        "",
        *_everything(costs),
        "",
        *_newcomers(costs),
    ]
    return "\n".join(lines)


def _everything(costs: Costs) -> Iterator[str]:
    seconds = [cost.seconds for cost in costs.alone.values()]
    memory = [cost.mebibytes for cost in costs.alone.values()]
    cpu = [cost.cpu_seconds for cost in costs.alone.values()]
    yield "| training all modalities | s | CPU s | MiB |"
    yield "|---|---|---|---|"
    rows = [
        ("SDML, in parallel, a device each", max(seconds), max(cpu), f"{max(memory):.0f} each"),
        ("SDML, one after the other", sum(seconds), sum(cpu), f"{max(memory):.0f}"),
    ]
    for way, cost in costs.joint.items():
        rows.append((JOINT[way], cost.seconds, cost.cpu_seconds, f"{cost.mebibytes:.0f}"))
    for label, wall, busy, mebibytes in rows:
        yield f"| {label} | {wall:.1f} | {busy:.1f} | {mebibytes} |"


def _newcomers(costs: Costs) -> Iterator[str]:
    heads = " | ".join(f"saves against {JOINT[way]}: CPU time, memory" for way in costs.joint)
    yield f"| adding | s | CPU s | MiB | {heads} |"
    yield "|---" * (4 + len(costs.joint)) + "|"
    for name, own in costs.alone.items():
        saved = " | ".join(
            f"{1 - own.cpu_seconds / other.cpu_seconds:.1%}, "
            f"{1 - own.mebibytes / other.mebibytes:.1%}"
            for other in costs.joint.values()
        )
        spent = f"{own.seconds:.1f} | {own.cpu_seconds:.1f} | {own.mebibytes:.0f}"
        yield f"| {name} | {spent} | {saved} |"
