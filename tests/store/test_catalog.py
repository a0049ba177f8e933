"""Versions: published whole or not at all, never overwritten, found."""

from __future__ import annotations

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from sdml import __version__
from sdml.errors import (
    IntegrityError,
    NotFoundError,
    StoreFullError,
)
from sdml.store import Catalog, MemoryStore, ObjectRecord, Version
from sdml.store.files import Digest
from tests.store.published import keys, publish


def test_a_published_version_is_found_and_read(catalog: Catalog, tmp_path: Path) -> None:
    source = tmp_path / "train.features.npy"
    source.write_bytes(b"array" * 1000)
    subspace = catalog.publish("subspace", objects={"projection.safetensors": b"P"}, id="ab12")
    features = catalog.publish("features", modality="image", objects={source.name: source}, seed=3)
    encoder = publish(
        catalog,
        seed=7,
        settings={"lambda": 0.5, "hidden": (8, 4), "name": "Ångström"},
        made_from={"subspace": subspace.path, "features": features.path},
    )
    other = Catalog(catalog.store, "digits", tmp_path / "other scratch")
    found = other.latest("encoder", "image")
    assert found == encoder == other.get(encoder.path) == other.get(encoder.uri + "/")
    assert found.uri == f"{catalog.store.uri}/digits/{found.path}"
    assert re.fullmatch(r"encoders/image/\d{8}T\d{12}Z-[0-9a-f]{12}", found.path)
    manifest = found.manifest
    assert (manifest.schema, manifest.kind, manifest.collection) == (1, "encoder", "digits")
    assert (manifest.modality, manifest.seed) == ("image", 7)
    assert manifest.software == f"sdml {__version__}"
    assert manifest.settings == {"lambda": 0.5, "hidden": [8, 4], "name": "Ångström"}
    assert manifest.made_from == {"subspace": "subspaces/ab12", "features": features.path}
    assert manifest.objects == (
        ObjectRecord(
            name="encoder.safetensors", bytes=7, sha256=hashlib.sha256(b"weights").hexdigest()
        ),
        ObjectRecord(name="notes.json", bytes=2, sha256=hashlib.sha256(b"{}").hexdigest()),
    )
    assert other.read(found, "encoder.safetensors") == b"weights"
    local = other.local(features, source.name)
    assert local.read_bytes() == source.read_bytes()
    assert other.local(features, source.name) == local
    assert [other.verify(version) for version in other.inventory()] == [[], [], []]


def test_the_layout_is_the_documented_one(memory: Catalog) -> None:
    memory.publish("subspace", objects={"projection.safetensors": b"P"}, id="p")
    memory.publish("features", modality="image", objects={"train.features.npy": b"x"}, id="f")
    memory.publish("encoder", modality="image", objects={"encoder.safetensors": b"e"}, id="e")
    memory.publish("report", objects={"report.json": b"{}", "map.png": b""}, id="r")
    memory.checkpoint("image").save(b"state")
    assert keys(memory) == [
        "digits/checkpoints/image",
        "digits/encoders/image/e/encoder.safetensors",
        "digits/encoders/image/e/manifest.json",
        "digits/features/image/f/manifest.json",
        "digits/features/image/f/train.features.npy",
        "digits/reports/r/manifest.json",
        "digits/reports/r/map.png",
        "digits/reports/r/report.json",
        "digits/subspaces/p/manifest.json",
        "digits/subspaces/p/projection.safetensors",
    ]


def test_versions_are_listed_oldest_first(catalog: Catalog) -> None:
    first, second = publish(catalog), publish(catalog)
    text = publish(catalog, "text")
    subspace = catalog.publish("subspace", objects={"p": b"p"})
    publish(Catalog(catalog.store, "digits2"), "image")
    assert catalog.versions("encoder", "image") == [first, second]
    assert catalog.versions("encoder") == [first, second, text]
    assert catalog.versions("encoder", "im") == []
    assert catalog.versions("features") == []
    assert catalog.inventory() == [first, second, text, subspace]
    assert catalog.modalities("encoder") == ["image", "text"]
    assert catalog.modalities("features") == catalog.modalities("subspace") == []
    assert catalog.latest("encoder") == text
    assert catalog.latest("encoder", "image") == second
    assert catalog.latest("encoder", where=lambda m: m.modality == "image") == second
    assert catalog.latest("encoder", "image", where=lambda m: m.id == first.manifest.id) == first


def test_latest_says_what_there_is_and_what_makes_one(memory: Catalog) -> None:
    with pytest.raises(NotFoundError, match=r"no complete subspace.*none at all.*sdml prepare"):
        memory.latest("subspace")
    with pytest.raises(NotFoundError, match=r"encoder of image .*one: none.*sdml train"):
        memory.latest("encoder", "image")
    publish(memory, "audio")
    with pytest.raises(NotFoundError, match=r"digits: no .*image .*one: audio\).*sdml train"):
        memory.latest("encoder", "image")
    with pytest.raises(NotFoundError, match="1 there, none of them fits"):
        memory.latest("encoder", "audio", where=lambda manifest: False)


def test_the_manifest_is_written_last(memory: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    put = memory.store.put

    def record(key: str, data: bytes | Path) -> Digest:
        stored = put(key, data)
        written.append(key)
        return stored

    monkeypatch.setattr(memory.store, "put", record)
    version = publish(memory, objects={f"object-{i}": b"x" for i in range(20)})
    assert len(written) == 21
    assert written[-1] == f"digits/{version.path}/manifest.json"


def test_a_version_without_a_manifest_does_not_exist(catalog: Catalog) -> None:
    whole = publish(catalog)
    half = publish(catalog)
    catalog.store.delete(f"digits/{half.path}/manifest.json")
    assert catalog.versions("encoder") == [whole] == catalog.inventory()
    assert catalog.latest("encoder", "image") == whole
    with pytest.raises(NotFoundError, match=re.escape(half.path)):
        catalog.get(half.path)


class FullStore(MemoryStore):
    """Takes three objects and has no room for a fourth."""

    def put(self, key: str, data: bytes | Path) -> Digest:
        if len(list(self.list(""))) >= 3:
            raise StoreFullError(f"{key}: no room")
        return super().put(key, data)


def test_a_failed_upload_makes_no_version() -> None:
    catalog = Catalog(FullStore(), "digits")
    with pytest.raises(StoreFullError):
        publish(catalog, objects={f"object-{i}": b"x" for i in range(10)})
    assert keys(catalog) == []  # so that trying again fills no full store further


def test_a_given_id_is_published_once(catalog: Catalog) -> None:
    first = catalog.publish("subspace", objects={"p": b"P"}, id="ab12", seed=1)
    before = {info.key: catalog.store.get(info.key) for info in catalog.store.list("")}
    again = Catalog(catalog.store, "digits").publish("subspace", objects={"p": b"P"}, id="ab12")
    assert again == first
    with pytest.raises(IntegrityError, match=r"subspaces/ab12.*never overwritten"):
        catalog.publish("subspace", objects={"p": b"Q"}, id="ab12")
    with pytest.raises(IntegrityError, match="never overwritten"):
        catalog.publish("subspace", objects={"p": b"P", "q": b""}, id="ab12")
    after = {info.key: catalog.store.get(info.key) for info in catalog.store.list("")}
    assert after == before


def test_a_half_published_id_is_published_again(catalog: Catalog) -> None:
    catalog.store.put("digits/subspaces/ab12/p", b"cut sho")
    version = catalog.publish("subspace", objects={"p": b"cut short"}, id="ab12")
    assert catalog.verify(version) == []


def test_eight_publishers_at_once(catalog: Catalog) -> None:
    def work(number: int) -> tuple[Version, Version]:
        own = Catalog(catalog.store, "digits")
        objects: dict[str, bytes | Path] = {"e": b"%d" % number, "same": b"same"}
        return (
            own.publish("encoder", modality="image", objects=objects, seed=number),
            own.publish("subspace", objects={"p": b"P" * 1000}, id="shared"),
        )

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, range(8)))
    encoders = [encoder for encoder, _ in results]
    assert len({version.path for version in encoders}) == 8
    assert len({version.manifest.created for version in encoders}) == 8
    fresh = Catalog(catalog.store, "digits")
    found = fresh.versions("encoder", "image")
    assert sorted(v.path for v in found) == sorted(v.path for v in encoders)
    for version in found:
        assert fresh.read(version, "e") == b"%d" % (version.manifest.seed or 0)
    assert len(fresh.versions("subspace")) == 1
    assert all(fresh.verify(version) == [] for version in fresh.inventory())


def test_created_strictly_orders_even_when_the_clock_is_set_back() -> None:
    start = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    times = iter([start, start, start - timedelta(days=1), start + timedelta(seconds=1)])
    catalog = Catalog(MemoryStore(), "digits", clock=lambda: next(times))
    made = [publish(catalog) for _ in range(4)]
    assert [version.manifest.created for version in made] == [
        "2026-03-01T10:00:00.000000Z",
        "2026-03-01T10:00:00.000001Z",
        "2026-03-01T10:00:00.000002Z",
        "2026-03-01T10:00:01.000000Z",
    ]
    assert made[0].manifest.id.startswith("20260301T100000000000Z-")
    assert catalog.versions("encoder") == made


def test_latest_is_by_time_of_creation_when_clocks_differ() -> None:
    store, now = MemoryStore(), datetime(2026, 3, 1, tzinfo=UTC)
    ahead = Catalog(store, "digits", clock=lambda: now + timedelta(minutes=5))
    behind = Catalog(store, "digits", clock=lambda: now)
    newest = publish(ahead)
    later = publish(behind)
    for catalog in (ahead, behind):
        assert catalog.latest("encoder") == newest
        assert catalog.versions("encoder") == [later, newest]


def test_a_checkpoint_is_replaced_loaded_and_cleared(catalog: Catalog) -> None:
    slot = catalog.checkpoint("image/run-1")
    assert slot.uri == f"{catalog.uri}/checkpoints/image/run-1"
    assert slot.load() is None
    slot.save(b"one")
    slot.save(b"two")
    assert catalog.checkpoint("image/run-1").load() == b"two"
    assert catalog.checkpoint("image/run-2").load() is None
    assert catalog.inventory() == []
    slot.clear()
    slot.clear()
    assert slot.load() is None


def test_downloads_go_to_a_folder_that_the_process_removes(tmp_path: Path) -> None:
    import subprocess
    import sys

    program = """
from sdml.store import Catalog, MemoryStore
catalog = Catalog(MemoryStore(), "digits")
version = catalog.publish("subspace", objects={"p": b"P"})
path = catalog.local(version, "p")
assert path.read_bytes() == b"P"
assert catalog.verify(version) == []
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []
