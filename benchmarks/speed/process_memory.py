"""What a process has taken: its peak of resident memory, and what came from the disk."""

from __future__ import annotations

from pathlib import Path


def peak_mebibytes() -> int:
    """The most that this process had resident so far, mapped files counted (VmHWM)."""
    return _field("status", "VmHWM:") >> 10


def read_mebibytes() -> int:
    """What the disk had to read for this process so far, not the page cache."""
    return _field("io", "read_bytes:") >> 20


def _field(file: str, name: str) -> int:
    for line in Path("/proc/self", file).read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0
