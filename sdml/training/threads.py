"""How many threads a training may use, and using exactly those.

More threads than cores make a step several times slower, and torch counts the cores of the
machine, not those that a container may use.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from sdml.errors import UserError

CORES = "SDML_CORES"
"""Environment variable: so many cores are this process's share, however many there are."""


@contextmanager
def thread_count(threads: int | None, *, share: int = 1) -> Iterator[None]:
    """Run torch's operations with so many threads, then as before.

    Args:
        threads: by default one a core.
        share: among how many processes the cores are divided.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads or max(1, available_cores() // share))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def available_cores(root: Path = Path("/")) -> int:
    """Cores that this process may use: its affinity, capped by control groups and ``SDML_CORES``.

    Args:
        root: where ``sys`` and ``proc`` are mounted.

    Raises:
        UserError: ``SDML_CORES`` is no number of cores.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min([cores, *_share(), *(int(quota) for quota in _quotas(root))]))


def _share() -> Iterator[int]:
    said = os.environ.get(CORES, "")
    if said:
        if not (said.isascii() and said.isdigit() and int(said) > 0):
            raise UserError(
                f"the environment variable {CORES} must be a number of cores, at least 1, not "
                f"{said!r}: correct it or unset it"
            )
        yield int(said)


def _quotas(root: Path) -> Iterator[float]:
    """Every quota, in cores, on the way from this process's control group to the top one."""
    mount = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        for group in [Path(path), *Path(path).parents]:
            inside = str(group).lstrip("/")
            if controllers:  # version 1: -1 is no quota
                folder = mount / "cpu" / inside
                quota = _read(folder / "cpu.cfs_quota_us").strip()
                period = _read(folder / "cpu.cfs_period_us").strip()
            else:  # version 2: "max" is no quota
                quota, _, period = _read(mount / inside / "cpu.max").strip().partition(" ")
            if quota.isdigit() and period.isdigit():
                yield int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
