"""Versions: published whole or not at all, never overwritten, found, verified."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from sdml import __version__
from sdml.errors import (
    DataError,
    IntegrityError,
    NotFoundError,
    StoreAccessError,
    StoreFullError,
    UserError,
)
from sdml.store import Catalog, MemoryStore, ObjectRecord, Store, Version

OBJECTS: dict[str, bytes | Path] = {"encoder.safetensors": b"weights", "notes.json": b"{}"}


@pytest.fixture
def memory() -> Catalog:
    return Catalog(MemoryStore(), "digits")


def publish(catalog: Catalog, modality: str = "image", **more: Any) -> Version:
    return catalog.publish("encoder", **{"objects": OBJECTS, "modality": modality, **more})


def keys(catalog: Catalog) -> list[str]:
    return [info.key for info in catalog.store.list("")]


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

    def record(key: str, data: bytes | Path) -> None:
        put(key, data)
        written.append(key)

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

    def put(self, key: str, data: bytes | Path) -> None:
        if len(list(self.list(""))) >= 3:
            raise StoreFullError(f"{key}: no room")
        super().put(key, data)


def test_a_failed_upload_makes_no_version() -> None:
    catalog = Catalog(FullStore(), "digits")
    with pytest.raises(StoreFullError):
        publish(catalog, objects={f"object-{i}": b"x" for i in range(10)})
    assert catalog.inventory() == []
    assert not [key for key in keys(catalog) if key.endswith("manifest.json")]


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


def replace(store: Store, version: Version, name: str, data: bytes) -> None:
    store.put(f"digits/{version.path}/{name}", data)


def remove(store: Store, version: Version, name: str, data: bytes) -> None:
    store.delete(f"digits/{version.path}/{name}")


@pytest.mark.parametrize(
    ("damage", "data", "says"),
    [
        (replace, b"WEIGHTS", "sha256"),
        (replace, b"weigh", "5 bytes.* 7"),
        (replace, b"", "0 bytes"),
        (remove, b"", "missing"),
    ],
    ids=["tampered", "truncated", "emptied", "missing"],
)
def test_a_damaged_object_is_refused_by_name(
    catalog: Catalog, damage: Callable[..., None], data: bytes, says: str
) -> None:
    version = publish(catalog)
    damage(catalog.store, version, "encoder.safetensors", data)
    name = re.escape(f"{version.uri}/encoder.safetensors")
    with pytest.raises(IntegrityError, match=f"{name}: .*{says}"):
        catalog.read(version, "encoder.safetensors")
    with pytest.raises(IntegrityError, match=f"{name}: .*{says}"):
        catalog.local(version, "encoder.safetensors")
    problems = catalog.verify(version)
    assert len(problems) == 1
    assert re.match(f"{name}: .*{says}", problems[0])
    assert catalog.read(version, "notes.json") == b"{}"


def test_verify_names_every_problem(memory: Catalog) -> None:
    version = publish(memory, objects={"a": b"a", "b": b"b", "c": b"c"})
    memory.store.put(f"digits/{version.path}/a", b"A")
    memory.store.delete(f"digits/{version.path}/b")
    memory.store.delete(f"digits/{version.path}/manifest.json")
    names = [problem.split(": ")[0].rsplit("/", 1)[1] for problem in memory.verify(version)]
    assert names == ["manifest.json", "a", "b"]


def test_verify_sees_another_manifest(memory: Catalog) -> None:
    version = publish(memory)
    key = f"digits/{version.path}/manifest.json"
    memory.store.put(key, memory.store.get(key).replace(b'"seed": null', b'"seed": 1'))
    assert "not the manifest" in memory.verify(version)[0]
    memory.store.put(key, b"{")
    assert "not a readable manifest" in memory.verify(version)[0]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"}\n", b"", "cut short"),
        (b'"schema": 1', b'"schema": 2', "schema 2 is not known"),
        (b'"digits"', b'"letters"', "letters/encoders"),
        (b'"image"', b'"audio"', "digits/encoders/audio"),
        (b'"encoder.safetensors"', b'"../../../secret"', "an object is named"),
    ],
)
def test_a_damaged_manifest_is_refused_by_name(
    catalog: Catalog, old: bytes, new: bytes, says: str
) -> None:
    version = publish(catalog)
    key = f"digits/{version.path}/manifest.json"
    data = catalog.store.get(key)
    assert old in data
    catalog.store.put(key, data[: data.rindex(old)] + new + data[data.rindex(old) + len(old) :])
    fresh = Catalog(catalog.store, "digits")
    match = re.escape(f"{version.uri}/manifest.json") + ".*" + says
    for act in (
        lambda: fresh.get(version.path),
        lambda: fresh.latest("encoder", "image"),
        lambda: fresh.inventory(),
    ):
        with pytest.raises(IntegrityError, match=match):
            act()


def test_a_copied_version_is_refused(memory: Catalog) -> None:
    version = publish(memory)
    manifest = memory.store.get(f"digits/{version.path}/manifest.json")
    memory.store.put("digits/encoders/image/copy/manifest.json", manifest)
    with pytest.raises(IntegrityError, match="copied by hand"):
        memory.get("encoders/image/copy")


def test_an_object_that_the_version_has_not(memory: Catalog) -> None:
    version = publish(memory)
    for act in (memory.read, memory.local):
        with pytest.raises(NotFoundError, match=r"'other'.*encoder\.safetensors, notes\.json"):
            act(version, "other")


def test_foreign_names_are_refused(memory: Catalog) -> None:
    version = publish(memory)
    for name in (
        version.uri.replace("digits", "letters"),
        version.uri.replace("memory://store", "s3://bucket"),
        "/" + version.path,
        "encoders/image",
        "encoders/image/a/b",
        "subspaces/image/a",
        "encoders/../image",
        "checkpoints/image",
        "",
    ):
        with pytest.raises(NotFoundError, match="a version of memory://store/digits is named"):
            memory.get(name)
    with pytest.raises(NotFoundError, match="no complete version is there"):
        memory.get("encoders/image/absent")


@pytest.mark.parametrize(
    "arguments",
    [
        {"kind": "model"},
        {"kind": "encoder", "modality": None},
        {"kind": "encoder", "modality": "Image"},
        {"kind": "encoder", "modality": "a/b"},
        {"kind": "subspace", "modality": "image"},
        {"id": ""},
        {"id": ".."},
        {"id": "a/b"},
        {"id": "x" * 129},
        {"objects": {"a/b": b""}},
        {"objects": {"manifest.json": b""}},
        {"objects": {".hidden": b""}},
        {"objects": {"": b""}},
        {"settings": {"x": float("nan")}},
        {"settings": {"x": object()}},
        {"settings": {"x": "\ud800"}},
        {"made_from": {"subspace": "s3://bucket/digits/subspaces/ab"}},
        {"objects": {"a": Path("/nonexistent/file")}},
    ],
)
def test_what_is_not_allowed_is_refused_before_anything_is_written(
    memory: Catalog, arguments: dict[str, Any]
) -> None:
    with pytest.raises(UserError):
        memory.publish(**{"kind": "encoder", "modality": "image", "objects": OBJECTS, **arguments})
    assert keys(memory) == []


def test_bad_names_are_refused_in_questions_too(memory: Catalog) -> None:
    for act in (
        lambda: Catalog(memory.store, "Digits"),
        lambda: Catalog(memory.store, "../digits"),
        lambda: memory.versions("encoder", "Image"),
        lambda: memory.versions("subspace", "image"),
        lambda: memory.latest("models"),  # type: ignore[arg-type]
    ):
        with pytest.raises(UserError):
            act()
    with pytest.raises(StoreAccessError):
        memory.checkpoint("../subspaces/ab")


class ChangingStore(MemoryStore):
    """The source grows while it is being stored."""

    def put(self, key: str, data: bytes | Path) -> None:
        super().put(key, data)
        if isinstance(data, Path):
            with data.open("ab") as file:
                file.write(b"more")


def test_a_source_that_changes_meanwhile_makes_no_version(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"data")
    catalog = Catalog(ChangingStore(), "digits")
    with pytest.raises(DataError, match=f"{source}: changed while"):
        publish(catalog, objects={"a": source})
    assert catalog.inventory() == []


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


def test_same_microsecond_ids_differ_by_content() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    store = MemoryStore()
    changes: list[dict[str, Any]] = [
        {},
        {"seed": 1},
        {"settings": {"lambda": 0.1}},
        {"objects": {"a": b"a"}},
        {"modality": "text"},
        {"made_from": {"subspace": "subspaces/a"}},
    ]
    made = [publish(Catalog(store, "digits", clock=lambda: now), **change) for change in changes]
    assert len({version.manifest.id for version in made}) == len(changes)


def test_the_hash_in_an_id_is_the_documented_one(memory: Catalog) -> None:
    version = publish(
        memory, seed=3, settings={"b": [1], "a": "ä"}, made_from={"subspace": "subspaces/x"}
    )
    content = {
        "kind": "encoder",
        "modality": "image",
        "seed": 3,
        "settings": {"a": "ä", "b": [1]},
        "made_from": {"subspace": "subspaces/x"},
        "objects": [
            {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in (("encoder.safetensors", b"weights"), ("notes.json", b"{}"))
        ],
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert version.manifest.id.split("-")[1] == hashlib.sha256(text.encode()).hexdigest()[:12]


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
