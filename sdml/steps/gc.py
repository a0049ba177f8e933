"""Garbage collection: old versions, what killed writers left, forgotten checkpoints.

Nothing goes that something which stays was made from, nor the current subspace. How it is done
without locks, and what that guarantees: docs/store.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from sdml.errors import IntegrityError, NotFoundError, StoreAccessError, UserError
from sdml.steps.context import Context
from sdml.steps.contract import stored_subspace
from sdml.store import Catalog, ObjectInfo
from sdml.store.base import Unfinished
from sdml.store.clock import utc_now
from sdml.store.layout import parse_path
from sdml.store.lineage import held, origins, referrers
from sdml.store.manifest import CREATED
from sdml.store.removal import remove_checkpoint, remove_objects, remove_versions
from sdml.store.survey import Survey, survey

logger = logging.getLogger(__name__)

GRACE_DAYS = 1.0
_LONGEST_DAYS = 36_500
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Garbage:
    """One thing that goes, by its path in the collection, and how large it is.

    A ``leftover`` is a folder without a manifest; ``unfinished`` is a write that never ended.
    """

    what: Literal["version", "leftover", "unfinished", "checkpoint"]
    path: str
    objects: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What was removed, or would be after a ``dry_run``; ``kept`` counts the versions left."""

    removed: list[Garbage]
    bytes: int
    kept: int
    dry_run: bool


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is to be removed, as the store knows it."""

    versions: list[str]
    leftovers: list[str] = field(default_factory=list)
    unfinished: list[Unfinished] = field(default_factory=list)
    checkpoints: list[ObjectInfo] = field(default_factory=list)


def collect_garbage(
    context: Context,
    *,
    keep: int,
    grace_days: float = GRACE_DAYS,
    checkpoint_days: float | None = None,
    dry_run: bool = False,
    clock: Callable[[], datetime] = utc_now,
) -> Collected:
    """Remove old versions and leftovers of the collection.

    Args:
        keep: so many of the newest stay, of those older than the grace time: see
            :func:`sdml.store.lineage.held`.
        grace_days: what is younger stays, whatever it is.
        checkpoint_days: checkpoints that were not written for so long go too; None: none goes.
        dry_run: remove nothing.
        clock: what time it is.

    Raises:
        UserError: ``keep`` is not positive, or a number of days is not one.
        IntegrityError: a manifest cannot be read, so it is not known what refers to what;
            nothing was removed.
    """
    if keep < 1:
        raise UserError(f"gc keeps at least 1 version of each, and was asked for {keep}: --keep 1")
    now = clock().astimezone(UTC)
    start = now - _days(grace_days, "the grace time")
    since = None if checkpoint_days is None else now - _days(checkpoint_days, "a checkpoint's age")
    seen = survey(context.catalog)
    _refuse_damaged(seen.damaged)
    current = stored_subspace(context)
    stay = held(
        seen.versions,
        keep=keep,
        before=start.strftime(CREATED),
        always=[current.path] if current else [],
    )
    plan = _Plan(
        versions=[v.path for v in seen.versions if v.path not in stay],
        leftovers=[p for p in seen.leftovers if _youngest(seen.objects[p]) < start],
        unfinished=[write for write in _unfinished(context.catalog) if write.modified < start],
        checkpoints=[i for i in seen.checkpoints if since is not None and i.modified < since],
    )
    return _collect(context.catalog, plan, seen, dry_run=dry_run)


def remove_named(context: Context, names: Sequence[str], *, dry_run: bool = False) -> Collected:
    """Remove versions by name, if nothing else refers to them; so an encoder is retired.

    Args:
        names: paths or URIs of versions; they may refer to each other. A version whose manifest
            cannot be read may be among them.
        dry_run: remove nothing.

    Raises:
        UserError: something refers to one of them; it is named. Or one is the current subspace.
        NotFoundError: there is no such version.
        IntegrityError: the manifest of another version cannot be read; nothing was removed.
    """
    catalog = context.catalog
    seen = survey(catalog)
    there = {version.path for version in seen.versions} | seen.damaged.keys()
    paths = [name.rstrip("/").removeprefix(f"{catalog.uri}/") for name in names]
    for name, path in zip(names, paths, strict=True):
        if parse_path(path) is None or path not in there:
            raise NotFoundError(
                f"{catalog.uri} holds no version {name!r}: 'sdml list' shows what it holds"
            )
    _refuse_damaged({path: why for path, why in seen.damaged.items() if path not in paths})
    for path, others in referrers(paths, origins(seen.versions)).items():
        raise UserError(
            f"{catalog.uri}/{path}: stays, since {_some(others)} refer to it: "
            f"remove these too, by further --version, or leave it"
        )
    if not any(path.startswith("subspaces/") for path in seen.damaged):
        current = stored_subspace(context)
        if current is not None and current.path in paths:
            raise UserError(
                f"{current.uri}: stays, since it is the collection's current subspace: "
                f"let the experiment file ask for another one first"
            )
    plan = _Plan(versions=list(dict.fromkeys(paths)))
    return _collect(catalog, plan, seen, dry_run=dry_run)


def _collect(catalog: Catalog, plan: _Plan, seen: Survey, *, dry_run: bool) -> Collected:
    """Remove what the plan says, and say what of it is gone."""
    versions, leftovers, checkpoints = plan.versions, plan.leftovers, plan.checkpoints
    if not dry_run:
        back = remove_versions(catalog, versions, seen) if versions else set()
        versions = [path for path in versions if path not in back]
        leftovers = [p for p in leftovers if remove_objects(catalog, p, seen.objects[p])]
        for write in plan.unfinished:
            catalog.store.discard(write)
        checkpoints = [info for info in checkpoints if remove_checkpoint(catalog, info)]
    above = f"{catalog.collection}/"
    removed = [_folder("version", path, seen.objects[path]) for path in versions]
    removed += [_folder("leftover", path, seen.objects[path]) for path in leftovers]
    removed += [
        Garbage(what="unfinished", path=w.key.removeprefix(above), objects=1, bytes=w.size)
        for w in plan.unfinished
    ]
    removed += [
        Garbage(what="checkpoint", path=i.key.removeprefix(above), objects=1, bytes=i.size)
        for i in checkpoints
    ]
    return Collected(
        removed=removed,
        bytes=sum(garbage.bytes for garbage in removed),
        kept=len(seen.versions) + len(seen.damaged) - len(versions),
        dry_run=dry_run,
    )


def _folder(
    what: Literal["version", "leftover"], path: str, objects: Sequence[ObjectInfo]
) -> Garbage:
    size = sum(info.size for info in objects)
    return Garbage(what=what, path=path, objects=len(objects), bytes=size)


def _unfinished(catalog: Catalog) -> list[Unfinished]:
    try:
        return list(catalog.store.unfinished(f"{catalog.collection}/"))
    except StoreAccessError as error:
        logger.warning(
            "unfinished writes are not looked for, the store does not list them: %s", error
        )
        return []


def _refuse_damaged(damaged: dict[str, IntegrityError]) -> None:
    if damaged:
        raise IntegrityError(
            f"nothing was removed: what refers to what is not known, since {len(damaged)} "
            f"manifests cannot be read: {_some([str(why) for why in damaged.values()])}"
        )


def _days(days: float, what: str) -> timedelta:
    if not 0 <= days <= _LONGEST_DAYS:
        raise UserError(f"{what} is 0 to {_LONGEST_DAYS} days, not {days:g}")
    return timedelta(days=days)


def _youngest(objects: Collection[ObjectInfo]) -> datetime:
    return max(info.modified for info in objects)


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return f"{', '.join(texts[:_SHOWN])}{more}"
