"""The newest versions, in the right order and with few requests."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sdml.errors import IntegrityError
from sdml.store import Catalog, MemoryStore, Store
from sdml.store.newest import place_of

START = datetime(2026, 3, 1, tzinfo=UTC)


class CountingStore(MemoryStore):
    """Counts what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()

    def get(self, key: str) -> bytes:
        self.count["get"] += 1
        return super().get(key)


def filled(store: Store, versions: int) -> Catalog:
    made = 0

    def clock() -> datetime:
        nonlocal made
        made += 1
        return START + timedelta(minutes=made)

    catalog = Catalog(store, "digits", clock=clock)
    for number in range(versions):
        objects = {"encoder.safetensors": b"x", "history.json": b"[]"}
        catalog.publish("encoder", modality="image", objects=objects, settings={"n": number})
    return Catalog(store, "digits")


def test_the_newest_of_many_costs_one_reading() -> None:
    store = CountingStore()
    catalog = filled(store, 50)
    store.count.clear()
    assert catalog.latest("encoder", "image").manifest.settings == {"n": 49}
    assert store.count["get"] == 1
    first = next(catalog.newest_first("encoder"))
    assert first.manifest.settings == {"n": 49}
    assert store.count["get"] == 1  # it is in the listing, so what was read before holds


def test_all_come_newest_first(store: Store) -> None:
    catalog = filled(store, 20)
    found = list(catalog.newest_first("encoder", "image"))
    assert found == list(reversed(catalog.versions("encoder", "image")))
    assert [version.manifest.settings["n"] for version in found] == list(range(19, -1, -1))
    assert list(catalog.newest_first("encoder")) == found
    assert list(catalog.newest_first("encoder", "text")) == []


def test_ids_that_were_given_stand_where_their_time_of_creation_says() -> None:
    store = MemoryStore()
    times = iter(START + timedelta(hours=n) for n in (5, 3, 4, 9))
    catalog = Catalog(store, "digits", clock=lambda: next(times))
    for number, version_id in enumerate((None, "zzz", "20260301T000000", "aaa")):
        catalog.publish("report", objects={"a": bytes([number])}, id=version_id)
    fresh = Catalog(store, "digits")
    assert fresh.latest("report").manifest.id == "aaa"
    assert list(fresh.newest_first("report")) == list(reversed(fresh.versions("report")))


def test_an_unfinished_version_is_passed_over(store: Store) -> None:
    catalog = filled(store, 3)
    newest = catalog.latest("encoder", "image")
    store.delete(f"digits/{newest.path}/manifest.json")
    fresh = Catalog(store, "digits")
    assert fresh.latest("encoder", "image").manifest.settings == {"n": 1}


def test_an_old_damaged_manifest_does_not_stop_the_newest() -> None:
    store = MemoryStore()
    catalog = filled(store, 3)
    oldest = catalog.versions("encoder", "image")[0]
    store.put(f"digits/{oldest.path}/manifest.json", b"{}")
    fresh = Catalog(store, "digits")
    assert fresh.latest("encoder", "image").manifest.settings == {"n": 2}
    with pytest.raises(IntegrityError, match=oldest.manifest.id):
        fresh.versions("encoder", "image")


def test_folders_are_what_lies_right_below(store: Store) -> None:
    for key in ("a/b/x", "a/b/y", "a/c/d/z", "a/file", "ab/x", "q/x"):
        store.put(key, b"1")
    assert list(store.folders("a/")) == ["b", "c"]
    assert list(store.folders("a/c/")) == ["d"]
    assert list(store.folders("nothing/")) == []


def test_places_sort_as_versions_do() -> None:
    paths = [
        "reports/20260131T093000000001Z-5f0c2e9b7a41",
        "reports/20260131T093000000001Z-6f0c2e9b7a41",
        "reports/20260201T000000000000Z-000000000000",
    ]
    places = [place_of(path) for path in paths]
    assert None not in places
    assert places == sorted(places, key=str)
    assert place_of("reports/20260131T093000000001Z") is None
    assert place_of("reports/x20260131T093000000001Z-5f0c2e9b7a41") is None


@pytest.mark.parametrize("page", [1, 3])
@pytest.mark.server
def test_folders_go_over_pages(s3_environment: str, page: int, tmp_path: Path) -> None:
    from sdml.store.s3 import S3Store

    store = S3Store(s3_environment, page=page)
    for name in ("p/a/1", "p/a/2", "p/b/1", "p/c/1", "p/d/1"):
        store.put(name, b"x")
    assert list(store.folders("p/")) == ["a", "b", "c", "d"]
