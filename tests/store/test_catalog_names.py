"""Names of collections, versions and objects: which are refused, and how ids are made."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sdml.errors import (
    NotFoundError,
    StoreAccessError,
    UserError,
)
from sdml.store import Catalog, MemoryStore
from tests.store.published import OBJECTS, keys, publish


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


def test_two_machines_that_publish_in_the_same_microsecond_do_not_meet() -> None:
    store, now = MemoryStore(), datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    made = [
        Catalog(store, "digits", clock=lambda: now).publish("report", objects={"a": data})
        for data in (b"x", b"x", b"y")
    ]
    assert {version.manifest.created for version in made} == {"2026-01-31T09:30:00.000000Z"}
    assert len({version.path for version in made}) == 3
    assert all(v.manifest.id.startswith("20260131T093000000000Z-") for v in made)
