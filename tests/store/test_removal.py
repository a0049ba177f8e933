"""Removing: what goes vanishes as a whole, what stays is as it was, also when it is cut off."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdml.errors import IntegrityError, StoreUnavailableError
from sdml.store import Catalog, FolderStore, MemoryStore, Store, Version
from sdml.store.lineage import held
from sdml.store.manifest import CREATED
from sdml.store.removal import remove_checkpoint, remove_objects, remove_versions
from sdml.store.survey import survey
from tests.store.lineages import (
    START,
    Calendar,
    Drawn,
    DyingStore,
    check_whole,
    contents,
    graphs,
    publish_all,
)
from tests.store.published import keys, publish


def doomed(versions: list[Version], keep: int) -> list[str]:
    stay = held(versions, keep=keep, before=(START + timedelta(days=99)).strftime(CREATED))
    return [version.path for version in versions if version.path not in stay]


def of(paths: list[str], everything: dict[str, bytes]) -> set[str]:
    """The keys in these versions' folders."""
    return {k for k in everything if any(k.startswith(f"tiny/{path}/") for path in paths)}


@given(graphs(), st.integers(1, 2))
def test_only_what_is_named_goes_and_the_rest_is_as_it_was(graph: list[Drawn], keep: int) -> None:
    store = MemoryStore()
    versions = publish_all(store, graph, Calendar())
    before = contents(store)
    catalog = Catalog(store, "tiny")
    paths = doomed(versions, keep)
    assert remove_versions(catalog, paths, survey(catalog)) == set()
    gone = of(paths, before)
    assert contents(store) == {k: v for k, v in before.items() if k not in gone}
    assert catalog.inventory() == [v for v in versions if v.path not in paths]
    check_whole(store)


@given(graphs(largest=8), st.integers(0, 80))
def test_cut_off_at_any_call_what_is_left_is_whole_and_the_next_removal_ends_it(
    graph: list[Drawn], calls: int
) -> None:
    store = MemoryStore()
    versions = publish_all(store, graph, Calendar())
    paths = doomed(versions, 1)
    before = contents(store)
    seen = survey(Catalog(store, "tiny"))
    dying = DyingStore(store, calls)
    try:
        remove_versions(Catalog(dying, "tiny"), paths, seen)
    except StoreUnavailableError:
        assert dying.died
    left = contents(store)
    assert left.items() <= before.items()
    assert left.keys() >= before.keys() - of(paths, before)
    check_whole(store)

    catalog = Catalog(store, "tiny")
    again = survey(catalog)
    assert set(again.leftovers) <= set(paths)
    remove_versions(catalog, doomed(again.versions, 1), again)
    for path in again.leftovers:
        assert remove_objects(catalog, path, again.objects[path])
    assert contents(store).keys() == before.keys() - of(paths, before)


def test_in_every_store_it_vanishes_with_its_folder(catalog: Catalog, tmp_path: Path) -> None:
    kept, gone = publish(catalog), publish(catalog, "text")
    before = set(keys(catalog))
    remove_versions(catalog, [gone.path], survey(catalog))
    assert set(keys(catalog)) == {
        key for key in before if not key.startswith(f"digits/{gone.path}")
    }
    assert catalog.verify(kept) == []
    assert catalog.modalities("encoder") == ["image"]
    if isinstance(catalog.store, FolderStore):
        assert not (tmp_path / "store/digits/encoders/text").exists()


class Meanwhile(MemoryStore):
    """Something happens right after the first manifest is deleted."""

    def __init__(self) -> None:
        super().__init__()
        self.act: Callable[[], object] = lambda: None

    def delete(self, key: str) -> None:
        super().delete(key)
        if key.endswith("/manifest.json"):
            act, self.act = self.act, lambda: None
            act()


def test_what_is_needed_meanwhile_is_put_back(caplog: pytest.LogCaptureFixture) -> None:
    store = Meanwhile()
    catalog = Catalog(store, "digits")
    subspace = catalog.publish("subspace", objects={"p": b"P"})
    features = catalog.publish(
        "features",
        modality="image",
        objects={"f": b"F"},
        made_from={"subspace": subspace.path},
    )
    other = publish(catalog)
    before = contents(store)
    store.act = lambda: publish(Catalog(store, "digits"), made_from={"features": features.path})
    with caplog.at_level(logging.WARNING, logger="sdml"):
        paths = [subspace.path, features.path, other.path]
        back = remove_versions(catalog, paths, survey(catalog))
    assert back == {subspace.path, features.path}
    assert [record.message.split(": ")[0] for record in caplog.records] == [
        subspace.uri,
        features.uri,
    ]
    after = contents(store)
    assert {k: v for k, v in before.items() if other.path not in k}.items() <= after.items()
    assert not any(other.path in key for key in after)
    assert len(catalog.inventory()) == 3


def test_all_is_put_back_when_a_manifest_becomes_unreadable() -> None:
    store = Meanwhile()
    catalog = Catalog(store, "digits")
    first, second, third = (publish(catalog) for _ in range(3))
    before = contents(store)
    broken = f"digits/{third.path}/manifest.json"
    store.act = lambda: store.put(broken, b"{")
    with pytest.raises(IntegrityError, match=f"nothing was removed.*{third.path}"):
        remove_versions(catalog, [first.path, second.path], survey(catalog))
    assert contents(store) == {**before, broken: b"{"}


def test_what_is_published_again_meanwhile_stays() -> None:
    """Only ids that follow from the content can come again: those of subspaces."""
    store = Meanwhile()
    catalog = Catalog(store, "digits")
    made = catalog.publish("subspace", objects={"p": b"P"}, id="ab")
    other = Catalog(store, "digits")
    store.act = lambda: other.publish("subspace", objects={"p": b"P"}, id="ab")
    assert remove_versions(catalog, [made.path], survey(catalog)) == {made.path}
    assert catalog.verify(catalog.get(made.path)) == []


def test_another_process_may_be_first(memory: Catalog) -> None:
    version = publish(memory)
    seen = survey(memory)
    for key in keys(memory):
        memory.store.delete(key)
    assert remove_versions(memory, [version.path], seen) == set()
    assert keys(memory) == []


def test_a_leftover_that_somebody_fills_stays(memory: Catalog) -> None:
    memory.store.put("digits/subspaces/ab/p", b"P")
    seen = survey(memory)
    memory.store.put("digits/subspaces/ab/q", b"Q")
    assert not remove_objects(memory, "subspaces/ab", seen.objects["subspaces/ab"])
    assert len(keys(memory)) == 2
    memory.store.delete("digits/subspaces/ab/q")
    memory.store.put("digits/subspaces/ab/p", b"P")  # the same again, but now
    assert not remove_objects(memory, "subspaces/ab", seen.objects["subspaces/ab"])
    assert remove_objects(memory, "subspaces/ab", survey(memory).objects["subspaces/ab"])
    assert keys(memory) == []


def test_a_checkpoint_that_is_written_meanwhile_stays(memory: Catalog) -> None:
    slot = memory.checkpoint("image/a")
    slot.save(b"1")
    (seen,) = survey(memory).checkpoints
    slot.save(b"1")
    assert not remove_checkpoint(memory, seen)
    assert slot.load() == b"1"
    (seen,) = survey(memory).checkpoints
    assert remove_checkpoint(memory, seen)
    assert slot.load() is None


def test_what_was_read_of_it_is_forgotten(store: Store, scratch: Path) -> None:
    catalog = Catalog(store, "digits", scratch)
    made = catalog.publish("subspace", objects={"p": b"P"}, id="ab")
    catalog.local(made, "p")
    remove_versions(catalog, [made.path], survey(catalog))
    assert catalog.inventory() == []
    with pytest.raises(IntegrityError, match="missing"):
        catalog.local(made, "p")
