"""Two or more ways of doing the same work, timed by turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass
class Times:
    """Seconds of one way, a value each round; the round that warms up is left out."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def by_turns(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Times]:
    """Run each way once a round, after one round to warm up; every second round in reverse order.

    CPU time is this process's; it is the steadier of the two on a busy machine.
    """
    times = {name: Times() for name in ways}
    for number in range(rounds + 1):
        for name in sorted(ways, reverse=number % 2 == 1):
            cpu, wall = time.process_time(), time.perf_counter()
            ways[name]()
            if number:
                times[name].wall.append(time.perf_counter() - wall)
                times[name].cpu.append(time.process_time() - cpu)
    return times
