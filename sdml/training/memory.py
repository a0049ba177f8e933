"""How much memory this process may still take, as the machine, its containers and limits say.

What files occupy in the kernel's cache counts as free: the kernel gives it up when asked.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

_UNLIMITED = 1 << 60  # version 1 of control groups writes a number near 2**63 for no limit
_CACHES = ("inactive_file", "active_file")


def available_memory(root: Path = Path("/")) -> int:
    """Bytes: what the machine has left, capped by control groups and this process's limits.

    Args:
        root: where ``sys`` and ``proc`` are mounted.
    """
    return max(0, min([_UNLIMITED, *_of_machine(root), *_of_groups(root), *_of_process(root)]))


def _of_machine(root: Path) -> Iterator[int]:
    kibibytes = _table(root / "proc/meminfo").get("MemAvailable:")
    if kibibytes is not None:
        yield kibibytes << 10


def _of_groups(root: Path) -> Iterator[int]:
    """What is left in this process's control group, and in each one above it."""
    mount = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        for group in [Path(path), *Path(path).parents]:
            inside = str(group).lstrip("/")
            if controllers:  # version 1
                folder = mount / "memory" / inside
                limit, used = "memory.limit_in_bytes", "memory.usage_in_bytes"
            else:  # version 2: "max" is no limit
                folder = mount / inside
                limit, used = "memory.max", "memory.current"
            allowed, taken = _read(folder / limit).strip(), _read(folder / used).strip()
            if allowed.isdigit() and taken.isdigit() and int(allowed) < _UNLIMITED:
                kept = _table(folder / "memory.stat")
                yield int(allowed) - int(taken) + sum(kept.get(name, 0) for name in _CACHES)


def _of_process(root: Path) -> Iterator[int]:
    """What ``ulimit -d`` and ``ulimit -v`` leave."""
    used = _table(root / "proc/self/status")
    for limit, name in ((resource.RLIMIT_DATA, "VmData:"), (resource.RLIMIT_AS, "VmSize:")):
        allowed = resource.getrlimit(limit)[0]
        if allowed != resource.RLIM_INFINITY:
            yield allowed - (used.get(name, 0) << 10)


def _table(path: Path) -> dict[str, int]:
    """The lines of a file that are a name and a whole number, perhaps with a unit."""
    fields = (line.split() for line in _read(path).splitlines())
    return {f[0]: int(f[1]) for f in fields if len(f) > 1 and f[1].isdigit()}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
