"""Which versions hold which: everything that a version was made from must outlive it.

Only computes; what is found is removed by :mod:`sdml.store.removal`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

from sdml.store.version import Version

Origins: TypeAlias = Mapping[str, Collection[str]]
"""Path of a version → paths of what it was made from."""


def origins(versions: Iterable[Version]) -> dict[str, frozenset[str]]:
    """What each version was made from, as its manifest says."""
    return {v.path: frozenset(v.manifest.made_from.values()) for v in versions}


def closure(paths: Iterable[str], made_from: Origins) -> set[str]:
    """These versions, what they were made from, what that was made from, and so on."""
    found: set[str] = set()
    waiting = list(paths)
    while waiting:
        path = waiting.pop()
        if path in made_from and path not in found:
            found.add(path)
            waiting.extend(made_from[path])
    return found


def referrers(paths: Collection[str], made_from: Origins) -> dict[str, list[str]]:
    """For each of these, the versions outside of them that were made from it, if any."""
    found = {
        path: sorted(
            other for other in made_from if other not in paths and path in made_from[other]
        )
        for path in sorted(paths)
    }
    return {path: others for path, others in found.items() if others}


def dependents_first(paths: Collection[str], made_from: Origins) -> list[str]:
    """In an order in which each version stands before what it was made from.

    Removed in this order, what is left is whole after every single step.
    """
    ordered: dict[str, None] = {}
    entered: set[str] = set()
    for start in sorted(paths):
        waiting = [(start, False)]
        while waiting:
            path, finished = waiting.pop()
            if finished:
                ordered[path] = None
            elif path not in entered:
                entered.add(path)
                waiting.append((path, True))
                waiting += [(o, False) for o in sorted(made_from.get(path, ())) if o in paths]
    return list(reversed(ordered))


def held(
    versions: Sequence[Version], *, keep: int, before: str, always: Collection[str] = ()
) -> set[str]:
    """Paths of the versions that stay.

    All that were created at ``before`` or later stay. Of the others the ``keep`` newest stay:
    of the subspaces; of the reports; of the feature sets and encoders of each modality, for
    each subspace that stays. And so does everything that they were made from.

    Whatever was among the newest at any time since ``before`` is held, so a process that began
    since then finds what it has picked.

    Args:
        versions: all of a collection, oldest first.
        keep: how many of the newest.
        before: a time of creation as manifests have it.
        always: paths that stay in any case.
    """
    made_from = origins(versions)
    old = [version for version in versions if version.manifest.created < before]
    groups: dict[tuple[str, str | None, str | None], list[str]] = defaultdict(list)
    for version in old:
        manifest = version.manifest
        of_subspace = manifest.made_from.get("subspace") if manifest.modality else None
        groups[manifest.kind, manifest.modality, of_subspace].append(version.path)
    stay = closure([v.path for v in versions if v.manifest.created >= before], made_from)
    stay |= closure(always, made_from)
    size = -1
    while size < len(stay):  # a feature set may bring in another subspace, and so its encoders
        size = len(stay)
        for (_, _, subspace), paths in groups.items():
            # A subspace that is not there decides nothing: what names it counts by itself.
            if subspace is None or subspace in stay or subspace not in made_from:
                stay |= closure(paths[-keep:], made_from)
    return stay
