"""The three stores that keep one contract, and a catalog in each."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdml.store import Catalog, FolderStore, MemoryStore, Store


@pytest.fixture(params=["memory", "folder", pytest.param("s3", marks=pytest.mark.server)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "folder":
        return FolderStore(tmp_path / "store")
    found = request.getfixturevalue("s3_store")
    assert isinstance(found, Store)
    return found


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


@pytest.fixture
def catalog(store: Store, scratch: Path) -> Catalog:
    return Catalog(store, "digits", scratch)


@pytest.fixture
def memory() -> Catalog:
    return Catalog(MemoryStore(), "digits")
