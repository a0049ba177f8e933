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

from sdml.errors import NotFoundError
from sdml.store.layout import Kind
from sdml.store.manifest import Manifest

_MADE_BY: dict[Kind, str] = {
    "subspace": "sdml prepare",
    "features": "sdml prepare",
    "encoder": "sdml train",
    "report": "sdml evaluate",
    "prior": "sdml prior fit",
}
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


def none_fits(
    uri: str, kind: Kind, modality: str | None, *, found: int, modalities: list[str] | None
) -> NotFoundError:
    """The error that says what there is and what makes one.

    Args:
        uri: of the collection.
        kind: that is wanted.
        modality: likewise.
        found: how many there are that do not fit.
        modalities: that have one, if there is none of this one.
    """
    if found:
        there = f"{found} there, none of them fits"
    elif modalities is not None:
        there = f"modalities with one: {', '.join(modalities) or 'none'}"
    else:
        there = "none at all"
    what = kind if modality is None else f"{kind} of {modality}"
    return NotFoundError(
        f"{uri}: no complete {what} that is wanted here ({there}): "
        f"make one with {_MADE_BY[kind]}, or correct the store or the collection"
    )
