from __future__ import annotations

from pathlib import Path
from typing import Any

from sdml.steps.publishing import publish_once
from sdml.store import Catalog, MemoryStore, Version

SUBSPACE = {"subspace": "subspaces/0123456789abcdef"}


def publish(catalog: Catalog, **changes: Any) -> Version:
    given: dict[str, Any] = {
        "modality": "image",
        "objects": {"a": b"b"},
        "settings": {"lambda": 0.5, "betas": [0.5, 0.9]},
        "made_from": SUBSPACE,
        "seed": 0,
    }
    return publish_once(catalog, "encoder", **{**given, **changes})


def test_the_same_again_is_the_version_that_is_there() -> None:
    catalog = Catalog(MemoryStore(), "tiny")
    first = publish(catalog)
    assert publish(catalog) == first
    assert publish(Catalog(catalog.store, "tiny")) == first
    assert len(catalog.versions("encoder")) == 1


def test_files_are_compared_by_content(tmp_path: Path) -> None:
    catalog = Catalog(MemoryStore(), "tiny")
    (tmp_path / "a").write_bytes(b"b")
    first = publish(catalog)
    assert publish(catalog, objects={"a": tmp_path / "a"}) == first


def test_whatever_differs_makes_a_new_version() -> None:
    catalog = Catalog(MemoryStore(), "tiny")
    made = {
        publish(catalog, **changes).uri
        for changes in (
            {},
            {"objects": {"a": b"c"}},
            {"objects": {"a": b"c", "d": b""}},
            {"settings": {"lambda": 0.6}},
            {"made_from": {"subspace": "subspaces/fedcba9876543210"}},
            {"modality": "text"},
        )
    }
    assert len(made) == 6


def test_what_was_made_before_the_newest_is_made_again() -> None:
    """Otherwise "the newest" would not be what was made last."""
    catalog = Catalog(MemoryStore(), "tiny")
    first = publish(catalog)
    publish(catalog, objects={"a": b"c"})
    third = publish(catalog)
    assert third != first
    assert catalog.latest("encoder", "image") == third
