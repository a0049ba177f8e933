"""Versions from the newest on, reading as few manifests as that takes.

An id that the catalog has made begins with the time of creation, so the order of such versions is
known before any of them is read. Ids that were given (a subspace's is its identity) say nothing:
their manifests are all read.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from sdml.store.manifest import Manifest

_TIMED = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{6})Z-[0-9a-f]{12}")
_READERS = 8

Place = tuple[str, str, str]  # time of creation, id, path: what versions are ordered by


def place_of(path: str) -> Place | None:
    """Where a version stands among the others, as far as its path tells.

    >>> place_of("reports/20260131T093000000001Z-5f0c2e9b7a41")[0]
    '2026-01-31T09:30:00.000001Z'
    >>> place_of("subspaces/5f0c2e9b7a415f0c")
    """
    version_id = path.rpartition("/")[2]
    found = _TIMED.fullmatch(version_id)
    if found is None:
        return None
    year, month, day, hour, minute, second, micro = found.groups()
    return f"{year}-{month}-{day}T{hour}:{minute}:{second}.{micro}Z", version_id, path


def newest_first(
    paths: Iterable[str], read: Callable[[str], Manifest | None]
) -> Iterator[Manifest]:
    """The manifests at ``paths``, the last created first; None of ``read`` is passed over.

    The first one costs one reading; after that, some are read ahead at a time.
    """
    timed: list[Place] = []
    others: list[str] = []
    for path in paths:
        place = place_of(path)
        if place is None:
            others.append(path)
        else:
            timed.append(place)
    with ThreadPoolExecutor(_READERS) as pool:
        known = {
            (manifest.created, manifest.id, manifest.path): manifest
            for manifest in pool.map(read, others)
            if manifest is not None
        }
        order = heapq.merge(sorted(timed, reverse=True), sorted(known, reverse=True), reverse=True)
        ahead = 1
        while places := list(islice(order, ahead)):
            for manifest in pool.map(lambda place: known.get(place) or read(place[2]), places):
                if manifest is not None:
                    yield manifest
            ahead = _READERS
