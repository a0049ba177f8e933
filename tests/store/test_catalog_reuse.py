"""``Catalog.publish(…, reuse=True)``: what is there already is not written again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sdml.store import Catalog, MemoryStore, Version
from sdml.store.files import Digest
from tests.store.published import keys

SUBSPACE = {"subspace": "subspaces/0123456789abcdef"}


def again(catalog: Catalog, **changes: Any) -> Version:
    given: dict[str, Any] = {
        "modality": "image",
        "objects": {"a": b"b"},
        "settings": {"lambda": 0.5, "betas": (0.5, 0.9)},
        "made_from": SUBSPACE,
        "seed": 0,
        "reuse": True,
    }
    return catalog.publish("encoder", **{**given, **changes})


def test_the_same_again_is_the_version_that_is_there(catalog: Catalog) -> None:
    first = again(catalog)
    before = keys(catalog)
    assert again(catalog) == first
    assert again(Catalog(catalog.store, "digits")) == first
    assert keys(catalog) == before


def test_files_are_compared_by_content(memory: Catalog, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"b")
    first = again(memory)
    assert again(memory, objects={"a": tmp_path / "a"}) == first


def test_whatever_differs_makes_a_new_version(memory: Catalog) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"objects": {"a": b"c"}},
        {"objects": {"a": b"c", "d": b""}},
        {"settings": {"lambda": 0.6}},
        {"made_from": {"subspace": "subspaces/fedcba9876543210"}},
        {"modality": "text"},
    ]
    assert len({again(memory, **change).uri for change in changes}) == len(changes)


def test_what_was_made_before_the_newest_is_made_again(memory: Catalog) -> None:
    """Otherwise "the newest" would not be what was made last."""
    first = again(memory)
    again(memory, objects={"a": b"c"})
    third = again(memory)
    assert third != first
    assert memory.latest("encoder", "image") == third


def test_without_it_the_same_is_made_again(memory: Catalog) -> None:
    assert again(memory) != again(memory, reuse=False)


class NoFiles(MemoryStore):
    """Refuses to be sent a file."""

    def put(self, key: str, data: bytes | Path) -> Digest:
        assert not isinstance(data, Path), "nothing is to be written"
        return super().put(key, data)


def test_nothing_is_sent_when_it_is_there(tmp_path: Path) -> None:
    catalog = Catalog(NoFiles(), "digits")
    first = again(catalog)
    (tmp_path / "a").write_bytes(b"b")
    assert again(catalog, objects={"a": tmp_path / "a"}) == first


def test_files_are_read_before_only_if_something_like_them_is_there(tmp_path: Path) -> None:
    """The store hashes what it takes, so a first publish reads each file once."""
    read: list[str] = []

    class Recording(MemoryStore):
        def put(self, key: str, data: bytes | Path) -> Digest:
            if isinstance(data, Path):
                read.append(data.name)
                data = data.read_bytes()
            return super().put(key, data)

    catalog = Catalog(Recording(), "digits")
    source = tmp_path / "a"
    source.write_bytes(b"b")
    first = again(catalog, objects={"a": source})
    source.write_bytes(b"c")  # another one of the same size
    second = again(catalog, objects={"a": source})
    assert read == ["a", "a"]
    assert again(catalog, objects={"a": source}) == second != first
    assert read == ["a", "a"]
    assert [catalog.read(version, "a") for version in (first, second)] == [b"b", b"c"]
