"""Random collections for tests of what may be removed, and a store that dies at some call."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from hypothesis import strategies as st

from sdml.errors import StoreUnavailableError
from sdml.store import Catalog, Kind, MemoryStore, ObjectInfo, Store, Version
from sdml.store.base import Unfinished
from sdml.store.files import Digest

START = datetime(2026, 1, 1, tzinfo=UTC)

Drawn: TypeAlias = tuple[Kind, str | None, list[int]]
"""Kind, modality, and which of the versions before it this one is made from."""

SUBSPACE = {"dimension": 16, "seed": 0, "source": None, "classes": ["a", "b"]}


class Calendar:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@st.composite
def graphs(draw: st.DrawFn, largest: int = 12) -> list[Drawn]:
    """What may have been published one after the other, with any lineage backwards."""
    found: list[Drawn] = []
    for number in range(draw(st.integers(1, largest))):
        kind: Kind = draw(st.sampled_from(["subspace", "features", "encoder", "report"]))
        modality = (
            draw(st.sampled_from(["image", "text"])) if kind in ("features", "encoder") else None
        )
        made = draw(st.lists(st.integers(0, number - 1), max_size=3)) if number else []
        found.append((kind, modality, sorted(set(made))))
    return found


def publish_all(store: Store, graph: Sequence[Drawn], calendar: Calendar) -> list[Version]:
    """Publish a version a day. The first subspace that it is made from is its subspace."""
    catalog = Catalog(store, "tiny", clock=calendar)
    made: list[Version] = []
    for number, (kind, modality, sources) in enumerate(graph):
        roles: dict[str, str] = {}
        for source in sources:
            subspace = made[source].manifest.kind == "subspace" and "subspace" not in roles
            roles["subspace" if subspace else f"source-{source}"] = made[source].path
        calendar.now = START + timedelta(days=number)
        made.append(
            catalog.publish(
                kind,
                modality=modality,
                objects={f"object-{i}": b"%d of %d" % (i, number) for i in range(3)},
                settings=SUBSPACE if kind == "subspace" else {},
                made_from=roles,
            )
        )
    return made


def contents(store: Store) -> dict[str, bytes]:
    """Every object's bytes, by key."""
    return {info.key: store.get(info.key) for info in store.list("")}


def check_whole(store: Store) -> None:
    """Every version is complete, sound, and has everything that it was made from."""
    catalog = Catalog(store, "tiny")
    versions = catalog.inventory()
    paths = {version.path for version in versions}
    for version in versions:
        for record in version.manifest.objects:
            catalog.read(version, record.name)
        assert set(version.manifest.made_from.values()) <= paths, version.path


class DyingStore(Store):
    """Passes ``calls`` calls on to a store, and answers none after that."""

    def __init__(self, store: Store, calls: int) -> None:
        self.uri = store.uri
        self._store = store
        self._left = calls
        self._lock = threading.Lock()

    def _count(self) -> Store:
        with self._lock:
            self._left -= 1
            if self._left < 0:
                raise StoreUnavailableError("the store does not answer any more")
        return self._store

    @property
    def died(self) -> bool:
        """Whether a call was refused."""
        return self._left < 0

    def put(self, key: str, data: bytes | Path) -> Digest:
        return self._count().put(key, data)

    def get(self, key: str) -> bytes:
        return self._count().get(key)

    def local(self, key: str, scratch: Path) -> Path:
        return self._count().local(key, scratch)

    def exists(self, key: str) -> bool:
        return self._count().exists(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return self._count().list(prefix)

    def delete(self, key: str) -> None:
        self._count().delete(key)

    def unfinished(self, prefix: str) -> Iterator[Unfinished]:
        return self._count().unfinished(prefix)

    def discard(self, write: Unfinished) -> None:
        self._count().discard(write)


def copy_of(store: Store, calendar: Calendar) -> MemoryStore:
    """The same objects in memory, written when the calendar began."""
    calendar.now, now = START, calendar.now
    copy = MemoryStore(clock=calendar)
    for key, data in contents(store).items():
        copy.put(key, data)
    calendar.now = now
    return copy
