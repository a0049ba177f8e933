"""Garbage collection: the rule, by name, leftovers, checkpoints, and killed at any call."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdml.errors import (
    IntegrityError,
    NotFoundError,
    StoreAccessError,
    StoreUnavailableError,
    UserError,
)
from sdml.experiment import Experiment
from sdml.steps.context import Context
from sdml.steps.evaluate import evaluate
from sdml.steps.gc import Collected, collect_garbage, remove_named
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from sdml.store import Catalog, FolderStore, MemoryStore, Store
from sdml.tracking import NullTracker
from tests.steps import tiny
from tests.steps.conftest import MakeContext
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

EXPERIMENT = Experiment.model_validate(
    {"collection": "tiny", "modalities": {"image": {"source": "image.npz"}}}
)


def over(store: Store) -> Context:
    return Context(experiment=EXPERIMENT, catalog=Catalog(store, "tiny"), tracker=NullTracker())


def in_days(days: float) -> Callable[[], datetime]:
    return lambda: START + timedelta(days=days)


def set_back(folder: Path, days: float) -> None:
    """Let every file below be so old."""
    then = datetime.now(UTC).timestamp() - days * 86_400
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def paths(collected: Collected) -> dict[str, str]:
    return {garbage.path: garbage.what for garbage in collected.removed}


def check_collected(store: Store, graph: list[Drawn], keep: int, day: float) -> None:
    """Collect, and compare all that is left with what was there."""
    versions = publish_all(store, graph, Calendar())
    before = contents(store)
    planned = collect_garbage(over(store), keep=keep, clock=in_days(day), dry_run=True)
    assert contents(store) == before
    done = collect_garbage(over(store), keep=keep, clock=in_days(day))
    assert replace(done, dry_run=True) == planned
    gone = {k for k in before if any(k.startswith(f"tiny/{p}/") for p in paths(done))}
    assert contents(store) == {key: data for key, data in before.items() if key not in gone}
    assert done.bytes == sum(len(before[key]) for key in gone)
    check_whole(store)
    left = Catalog(store, "tiny").inventory()
    assert len(left) == done.kept == len(versions) - len(done.removed)
    subspaces = [v for v in versions if v.manifest.kind == "subspace"]
    assert all(version in left for version in subspaces[-keep:])
    nothing = collect_garbage(over(store), keep=keep, clock=in_days(day))
    assert (nothing.removed, nothing.bytes) == ([], 0)


@settings(max_examples=50)
@given(graphs(), st.integers(1, 3), st.floats(0, 14))
def test_in_memory_only_what_nothing_needs_goes(graph: list[Drawn], keep: int, day: float) -> None:
    calendar = Calendar()
    check_collected(MemoryStore(clock=calendar), graph, keep, day)


@settings(max_examples=15)
@given(graphs(largest=6), st.integers(1, 2), st.floats(0, 14))
def test_in_a_folder_only_what_nothing_needs_goes(
    graph: list[Drawn], keep: int, day: float
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_collected(FolderStore(Path(folder)), graph, keep, day)


GRAPH: list[Drawn] = [
    ("subspace", None, []),
    ("features", "image", [0]),
    ("encoder", "image", [0, 1]),
    ("report", None, [0, 2]),
    ("features", "image", [0]),
    ("encoder", "image", [0, 4]),
    ("encoder", "image", [0, 4]),
    ("report", None, [0, 6]),
    ("subspace", None, []),
]


@pytest.mark.server
def test_in_a_bucket_only_what_nothing_needs_goes(s3_store: Store) -> None:
    check_collected(s3_store, GRAPH, 1, 30)


@given(graphs(largest=8), st.integers(0, 90))
def test_killed_at_any_call_the_rest_is_whole_and_the_next_collection_ends_it(
    graph: list[Drawn], calls: int
) -> None:
    calendar = Calendar()
    store, clean = MemoryStore(clock=calendar), MemoryStore(clock=calendar)
    publish_all(clean, graph, calendar)
    for key, data in contents(clean).items():
        store.put(key, data)
    later = in_days(40)
    collect_garbage(over(clean), keep=1, clock=later)
    dying = DyingStore(store, calls)
    try:
        collect_garbage(over(dying), keep=1, clock=later)
    except StoreUnavailableError:
        assert dying.died
    check_whole(store)
    collect_garbage(over(store), keep=1, clock=later)
    assert contents(store).keys() == contents(clean).keys()


def test_the_rule_on_a_small_history() -> None:
    store = MemoryStore()
    versions = publish_all(store, GRAPH, Calendar())

    def left(keep: int, day: float) -> list[int]:
        copy = MemoryStore()
        for key, data in contents(store).items():
            copy.put(key, data)
        collect_garbage(over(copy), keep=keep, clock=in_days(day))
        there = {version.path for version in Catalog(copy, "tiny").inventory()}
        return [number for number, version in enumerate(versions) if version.path in there]

    assert left(1, 30) == [0, 4, 6, 7, 8]  # the newest report holds the older subspace
    assert left(2, 30) == list(range(9))  # the second newest report holds the first encoder
    assert left(1, 7.5) == [0, 1, 2, 3, 4, 6, 7, 8]  # 7 and 8 are young and do not count
    assert left(1, 0.5) == list(range(9))


def test_of_several_only_the_one_in_use_and_the_newest_stay() -> None:
    store = MemoryStore()
    encoder: Drawn = ("encoder", "image", [0])
    graph: list[Drawn] = [("subspace", None, []), *[encoder] * 5]
    versions = publish_all(store, graph, Calendar())
    collect_garbage(over(store), keep=1, clock=in_days(4.5))  # the last two are young
    assert over(store).catalog.inventory() == [versions[0], *versions[3:]]


def test_the_current_subspace_stays_even_if_it_is_an_old_one(make: MakeContext) -> None:
    context = make("image")
    prepare(context)
    wider = make("image", subspace={"dimension": 32})
    prepare(wider)
    folder = Path(context.catalog.uri)
    now = lambda: datetime.now(UTC) + timedelta(days=2)  # noqa: E731
    there = tiny.checksums(folder)
    first = collect_garbage(make("image"), keep=1, clock=now)
    assert (first.removed, first.kept) == ([], 4)
    assert tiny.checksums(folder) == there
    second = collect_garbage(wider, keep=1, clock=now)
    assert {path.split("/")[0] for path in paths(second)} == {"subspaces", "features"}
    assert len(wider.catalog.inventory()) == 2


@pytest.mark.usefixtures("plain_report")
def test_a_collection_works_on_after_it(make: MakeContext) -> None:
    context = make()
    for weight in (0.3, 0.4, 0.5):
        prepare(context)
        for modality in ("image", "text"):
            train(context, modality, lambda_=weight)
        evaluate(context)
    newest = evaluate(context)
    now = lambda: datetime.now(UTC) + timedelta(days=2)  # noqa: E731
    done = collect_garbage(context, keep=1, clock=now)
    assert sorted(path.split("/")[0] for path in paths(done)) == ["encoders"] * 4 + ["reports"] * 3
    assert all(context.catalog.verify(version) == [] for version in context.catalog.inventory())
    assert evaluate(context).pairs == newest.pairs


def test_leftovers_go_once_they_are_old(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    context = over(store)
    folder = tmp_path / "tiny"
    kept = context.catalog.publish("encoder", modality="image", objects={"a": b"A"})
    store.put("tiny/encoders/image/half/encoder.safetensors", b"weights")
    store.put("tiny/subspaces/half/p", b"P")
    (folder / "subspaces/half/.partial-1").write_bytes(b"cut")
    (folder / ".partial-2").write_bytes(b"cut off")
    (folder / "notes.txt").write_bytes(b"somebody's")
    assert collect_garbage(context, keep=1).removed == []
    set_back(folder, 2)
    store.put("tiny/encoders/image/half/transform.json", b"{}")  # its writer is at work
    done = collect_garbage(context, keep=1, dry_run=True)
    assert paths(done) == {
        "subspaces/half": "leftover",
        ".partial-2": "unfinished",
        "subspaces/half/.partial-1": "unfinished",
    }
    assert done.bytes == 1 + 3 + 7
    assert replace(collect_garbage(context, keep=1), dry_run=True) == done
    assert sorted(path.name for path in folder.iterdir()) == ["encoders", "notes.txt"]
    assert context.catalog.inventory() == [kept]
    set_back(folder, 2)
    assert paths(collect_garbage(context, keep=1)) == {"encoders/image/half": "leftover"}


def test_checkpoints_go_only_when_asked_and_old(tmp_path: Path) -> None:
    context = over(FolderStore(tmp_path))
    for name in ("image/old", "image/new"):
        context.catalog.checkpoint(name).save(b"state")
    set_back(tmp_path / "tiny", 10)
    context.catalog.checkpoint("image/new").save(b"state")
    assert collect_garbage(context, keep=1).removed == []
    assert collect_garbage(context, keep=1, checkpoint_days=11).removed == []
    done = collect_garbage(context, keep=1, checkpoint_days=9)
    assert paths(done) == {"checkpoints/image/old": "checkpoint"}
    assert done.bytes == 5
    assert context.catalog.checkpoint("image/old").load() is None
    assert context.catalog.checkpoint("image/new").load() == b"state"


class NoUploadsListed(MemoryStore):
    def unfinished(self, prefix: str) -> Any:
        raise StoreAccessError("access refused")


def test_a_store_that_lists_no_uploads_is_collected_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = NoUploadsListed()
    publish_all(store, GRAPH, Calendar())
    assert len(collect_garbage(over(store), keep=1, clock=in_days(30)).removed) == 4
    assert "access refused" in caplog.text


def test_an_empty_store(tmp_path: Path) -> None:
    context = over(FolderStore(tmp_path / "store"))
    done = collect_garbage(context, keep=1, checkpoint_days=0)
    assert (done.removed, done.bytes, done.kept) == ([], 0, 0)
    assert not (tmp_path / "store").exists()


def test_nothing_goes_when_a_manifest_cannot_be_read() -> None:
    store = MemoryStore()
    versions = publish_all(store, GRAPH, Calendar())
    for number in (1, 7):
        store.put(f"tiny/{versions[number].path}/manifest.json", b"{")
    before = contents(store)
    acts: list[Callable[[], Collected]] = [
        lambda: collect_garbage(over(store), keep=1, clock=in_days(30)),
        lambda: remove_named(over(store), [versions[5].path]),
    ]
    for act in acts:
        with pytest.raises(IntegrityError, match="nothing was removed") as caught:
            act()
        for number in (1, 7):
            assert versions[number].path in str(caught.value)
        assert "\n" not in str(caught.value)
    assert contents(store) == before


def test_by_name_what_nothing_refers_to_goes() -> None:
    store = MemoryStore()
    versions = publish_all(store, GRAPH, Calendar())
    before = contents(store)
    uris = [versions[5].uri, versions[7].path + "/"]
    planned = remove_named(over(store), uris, dry_run=True)
    assert contents(store) == before
    done = remove_named(over(store), uris)
    assert replace(done, dry_run=True) == planned
    assert paths(done) == {versions[5].path: "version", versions[7].path: "version"}
    left = contents(store)
    assert left.items() <= before.items()
    assert len(before) - len(left) == sum(garbage.objects for garbage in done.removed) == 8


@pytest.mark.parametrize(("number", "by"), [(2, [3]), (4, [5, 6]), (1, [2])])
def test_by_name_what_is_needed_stays_and_it_says_for_what(number: int, by: list[int]) -> None:
    store = MemoryStore()
    versions = publish_all(store, GRAPH, Calendar())
    before = contents(store)
    with pytest.raises(UserError, match=re.escape(versions[number].path) + ": stays") as caught:
        remove_named(over(store), [versions[number].path])
    others = [n for n, v in enumerate(versions) if n != number and v.path in str(caught.value)]
    assert others == by
    assert contents(store) == before


def test_by_name_only_a_few_of_those_that_need_it_are_said() -> None:
    store = MemoryStore()
    versions = publish_all(store, GRAPH, Calendar())
    with pytest.raises(UserError, match=r"and 4 more refer to it"):
        remove_named(over(store), [versions[0].path])


def test_by_name_those_outside_count() -> None:
    store = MemoryStore()
    versions = publish_all(store, GRAPH, Calendar())
    with pytest.raises(UserError, match=versions[3].path):
        remove_named(over(store), [versions[1].path, versions[2].path])
    done = remove_named(over(store), [version.path for version in versions[1:4]])
    assert len(done.removed) == 3
    check_whole(store)


def test_by_name_a_damaged_version_can_go() -> None:
    store = MemoryStore()
    versions = publish_all(store, GRAPH, Calendar())
    store.put(f"tiny/{versions[7].path}/manifest.json", b"{")
    done = remove_named(over(store), [versions[7].path])
    assert (list(paths(done)), done.kept) == ([versions[7].path], 8)
    check_whole(store)
    store.put(f"tiny/{versions[4].path}/manifest.json", b"{")
    before = contents(store)
    with pytest.raises(UserError, match="stays"):
        remove_named(over(store), [versions[4].path])
    assert contents(store) == before


def test_by_name_the_current_subspace_stays() -> None:
    store = MemoryStore()
    versions = publish_all(store, GRAPH, Calendar())
    with pytest.raises(UserError, match="current subspace"):
        remove_named(over(store), [versions[8].path])
    assert len(over(store).catalog.inventory()) == 9


@pytest.mark.parametrize("name", ["", "encoders/image/absent", "checkpoints/x", "../tiny", "a"])
def test_by_name_there_must_be_one(name: str) -> None:
    store = MemoryStore()
    publish_all(store, GRAPH, Calendar())
    with pytest.raises(NotFoundError, match="holds no version"):
        remove_named(over(store), [name])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"keep": 0}, "at least 1"),
        ({"keep": -3}, "at least 1"),
        ({"keep": 1, "grace_days": -1}, "grace time is 0 to"),
        ({"keep": 1, "grace_days": float("nan")}, "not nan"),
        ({"keep": 1, "grace_days": 1e9}, "36500"),
        ({"keep": 1, "checkpoint_days": -0.1}, "a checkpoint's age"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any], said: str) -> None:
    store = MemoryStore()
    publish_all(store, GRAPH, Calendar())
    before = contents(store)
    with pytest.raises(UserError, match=said):
        collect_garbage(over(store), clock=in_days(30), **wrong)
    assert contents(store) == before
