"""The memory of this process: now, and at its peak."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident_mebibytes() -> float:
    """What is in memory now; without /proc the peak so far."""
    return _field("VmRSS")


def peak_mebibytes() -> float:
    """The most that was ever in memory.

    Linux keeps it for each program that a process runs; the figure of ``getrusage`` would begin
    with the memory of the parent, which exec hands on.
    """
    return _field("VmHWM")


def _field(name: str) -> float:
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 1024)
