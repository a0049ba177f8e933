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
    yield "| training all modalities | s | MiB |"
    yield "|---|---|---|"
    yield f"| SDML, in parallel, a device each | {max(seconds):.1f} | {max(memory):.0f} each |"
    yield f"| SDML, one after the other | {sum(seconds):.1f} | {max(memory):.0f} |"
    for way, cost in costs.joint.items():
        yield f"| {JOINT[way]} | {cost.seconds:.1f} | {cost.mebibytes:.0f} |"


def _newcomers(costs: Costs) -> Iterator[str]:
    heads = " | ".join(f"saves against {JOINT[way]}: time, memory" for way in costs.joint)
    yield f"| adding | s | MiB | {heads} |"
    yield "|---" * (3 + len(costs.joint)) + "|"
    for name, own in costs.alone.items():
        saved = " | ".join(
            f"{1 - own.seconds / other.seconds:.1%}, {1 - own.mebibytes / other.mebibytes:.1%}"
            for other in costs.joint.values()
        )
        yield f"| {name} | {own.seconds:.1f} | {own.mebibytes:.0f} | {saved} |"
