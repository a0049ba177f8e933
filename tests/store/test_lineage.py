from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from sdml.store import MemoryStore, Version
from sdml.store.lineage import closure, dependents_first, held, origins, referrers
from sdml.store.manifest import CREATED
from tests.store.lineages import START, Calendar, Drawn, graphs, publish_all

MADE_FROM = {"r": {"e", "f"}, "e": {"x", "s"}, "f": {"y", "s"}, "x": {"s"}, "y": {"s"}, "s": set()}


def test_a_closure_is_all_that_something_was_made_from() -> None:
    assert closure(["e"], MADE_FROM) == {"e", "x", "s"}
    assert closure(["r"], MADE_FROM) == set(MADE_FROM)
    assert closure([], MADE_FROM) == set()
    assert closure(["absent"], {"a": {"absent"}}) == set()
    assert closure(["a"], {"a": {"b", "absent"}, "b": {"a"}}) == {"a", "b"}


def test_referrers_are_those_outside() -> None:
    assert referrers({"e"}, MADE_FROM) == {"e": ["r"]}
    assert referrers({"e", "r"}, MADE_FROM) == {}
    assert referrers({"s", "x"}, MADE_FROM) == {"s": ["e", "f", "y"], "x": ["e"]}


def test_dependents_come_first() -> None:
    order = dependents_first(set(MADE_FROM), MADE_FROM)
    assert sorted(order) == sorted(MADE_FROM)
    for path, sources in MADE_FROM.items():
        assert all(order.index(path) < order.index(source) for source in sources)
    assert sorted(dependents_first({"a", "b"}, {"a": {"b"}, "b": {"a"}})) == ["a", "b"]


def least(versions: Sequence[Version], keep: int, before: str, always: set[str]) -> set[str]:
    """What the rule says, word by word, until nothing is added any more."""
    paths = {version.path for version in versions}
    stay: set[str] = set()
    while True:
        more = set(stay) | (always & paths)
        for version in versions:
            manifest = version.manifest
            if manifest.created >= before:
                more.add(version.path)
                continue
            subspace = manifest.made_from.get("subspace")
            newer = [
                other
                for other in versions
                if other.manifest.kind == manifest.kind
                and other.manifest.modality == manifest.modality
                and (
                    manifest.modality is None
                    or other.manifest.made_from.get("subspace") == subspace
                )
                and version.manifest.created < other.manifest.created < before
            ]
            counts = manifest.modality is None or subspace not in paths or subspace in stay
            if counts and len(newer) < keep:
                more.add(version.path)
        for version in versions:
            if version.path in more:
                more |= set(version.manifest.made_from.values()) & paths
        if more == stay:
            return stay
        stay = more


@given(graphs(), st.integers(1, 3), st.integers(0, 12), st.data())
def test_what_stays_is_what_the_rule_says(
    graph: list[Drawn], keep: int, day: int, data: st.DataObject
) -> None:
    versions = publish_all(MemoryStore(), graph, Calendar())
    before = (START + timedelta(days=day)).strftime(CREATED)
    always = {data.draw(st.sampled_from(versions)).path}
    if data.draw(st.booleans()):  # damage: something it was made from is not there
        versions.remove(data.draw(st.sampled_from(versions)))
    stay = held(versions, keep=keep, before=before, always=always)
    assert stay == least(versions, keep, before, always)
    assert closure(stay, origins(versions)) == stay


@given(graphs(), st.integers(1, 3), st.integers(0, 12), st.integers(0, 12))
def test_what_was_among_the_newest_since_then_stays(
    graph: list[Drawn], keep: int, first: int, second: int
) -> None:
    """A process that has begun at any time in the grace time finds what it has picked."""
    versions = publish_all(MemoryStore(), graph, Calendar())
    began, then = sorted((first, second))
    before = (START + timedelta(days=began)).strftime(CREATED)
    later = (START + timedelta(days=then)).strftime(CREATED)
    stay = held(versions, keep=keep, before=before)
    seen = [version for version in versions if version.manifest.created < later]
    for version in seen:
        manifest = version.manifest
        subspace = manifest.made_from.get("subspace")
        same = [
            other
            for other in seen
            if (other.manifest.kind, other.manifest.modality) == (manifest.kind, manifest.modality)
            and (manifest.modality is None or other.manifest.made_from.get("subspace") == subspace)
        ]
        if version in same[-keep:] and (manifest.modality is None or subspace in {None, *stay}):
            assert version.path in stay
