"""What is not as its manifest says is refused by name; a changing source makes no version."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sdml.errors import (
    DataError,
    IntegrityError,
)
from sdml.store import Catalog, MemoryStore, Store, Version
from sdml.store.files import Digest
from tests.store.published import publish


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


class ChangingStore(MemoryStore):
    """The source grows while it is being stored."""

    def put(self, key: str, data: bytes | Path) -> Digest:
        stored = super().put(key, data)
        if isinstance(data, Path):
            with data.open("ab") as file:
                file.write(b"more")
        return stored


def test_a_source_that_changes_meanwhile_makes_no_version(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"data")
    catalog = Catalog(ChangingStore(), "digits")
    with pytest.raises(DataError, match=f"{source}: changed while"):
        publish(catalog, objects={"a": source})
    assert catalog.inventory() == []
