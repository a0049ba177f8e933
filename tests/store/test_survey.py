from __future__ import annotations

import pytest

from sdml.store import Catalog
from sdml.store.survey import survey
from tests.store.published import publish


def test_an_empty_collection(catalog: Catalog) -> None:
    found = survey(catalog)
    assert (found.versions, found.damaged, found.leftovers, found.checkpoints) == ([], {}, [], [])


def test_everything_is_told_apart(catalog: Catalog) -> None:
    subspace = catalog.publish("subspace", objects={"p": b"P"}, id="ab")
    first, second = publish(catalog), publish(catalog, "text")
    damaged, half = publish(catalog), publish(catalog)
    store = catalog.store
    store.put(f"digits/{damaged.path}/manifest.json", b"{")
    store.delete(f"digits/{half.path}/manifest.json")
    catalog.checkpoint("image/run-1").save(b"state")
    catalog.checkpoint("run-2").save(b"state")
    publish(Catalog(store, "digits2"))
    for foreign in ("notes.txt", f"{first.path}/deeper/x", "models/a/b", "encoders/UPPER/a/b"):
        store.put(f"digits/{foreign}", b"somebody's")
    found = survey(catalog)
    assert found.versions == [subspace, first, second]
    assert list(found.damaged) == [damaged.path]
    assert f"{damaged.uri}/manifest.json: not a readable" in str(found.damaged[damaged.path])
    assert found.leftovers == [half.path]
    assert [info.key for info in found.checkpoints] == [
        "digits/checkpoints/image/run-1",
        "digits/checkpoints/run-2",
    ]
    names = {
        path: [i.key.rsplit("/")[-1] for i in objects] for path, objects in found.objects.items()
    }
    assert names == {
        "subspaces/ab": ["manifest.json", "p"],
        first.path: ["encoder.safetensors", "manifest.json", "notes.json"],
        second.path: ["encoder.safetensors", "manifest.json", "notes.json"],
        damaged.path: ["encoder.safetensors", "manifest.json", "notes.json"],
        half.path: ["encoder.safetensors", "notes.json"],
    }


def test_what_vanishes_meanwhile_is_no_version_and_no_leftover(
    memory: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = publish(memory)
    get = memory.store.get

    def vanishing(key: str) -> bytes:
        memory.store.delete(key)
        return get(key)

    monkeypatch.setattr(memory.store, "get", vanishing)
    found = survey(memory)
    assert (found.versions, found.damaged, found.leftovers) == ([], {}, [])
    assert version.path in found.objects
