"""Removing versions, leftovers and checkpoints without a lock, so that no reader sees a part.

A version vanishes with its manifest; its objects follow. A removal that is interrupted leaves
folders without a manifest, which do not exist for readers and are the next removal's leftovers.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from sdml.errors import IntegrityError, NotFoundError
from sdml.store.base import ObjectInfo
from sdml.store.catalog import Catalog
from sdml.store.layout import MANIFEST
from sdml.store.lineage import Origins, closure, dependents_first, origins
from sdml.store.survey import Survey, survey

logger = logging.getLogger(__name__)

_DELETES = 8


def remove_versions(catalog: Catalog, paths: Collection[str], seen: Survey) -> set[str]:
    """Remove versions that nothing else refers to.

    All manifests go first, each before those it was made from. Then the store is looked at once
    more: if a version that was published meanwhile refers to one of them, its manifest is put
    back. Only then objects go.

    Args:
        paths: what to remove.
        seen: the survey that said so.

    Returns:
        The paths that stay: put back, or published anew by another process.

    Raises:
        IntegrityError: a manifest cannot be read any more; everything was put back.
    """
    made_from = origins(seen.versions)
    order = dependents_first(paths, made_from)
    manifests: dict[str, bytes] = {}
    for path in order:
        key = _manifest_key(catalog, path)
        try:
            manifests[path] = catalog.store.get(key)
        except NotFoundError:
            continue  # another process removes it
        catalog.store.delete(key)
        catalog.forget(path)
    back = _put_back(catalog, manifests, made_from)
    for path in order:
        if path not in back and not remove_objects(catalog, path, seen.objects[path]):
            back.add(path)
    return back


def remove_objects(catalog: Catalog, path: str, seen: Sequence[ObjectInfo]) -> bool:
    """Remove the objects of a folder without a manifest; True if that was done.

    It is left alone if anything in it is new since ``seen``: somebody publishes there.
    """
    above = f"{catalog.collection}/{path}/"
    now = [i for i in catalog.store.list(above) if "/" not in i.key.removeprefix(above)]
    if not set(now) <= set(seen) or any(info.key == above + MANIFEST for info in now):
        return False
    with ThreadPoolExecutor(_DELETES) as pool:
        list(pool.map(catalog.store.delete, [info.key for info in now]))
    return True


def remove_checkpoint(catalog: Catalog, seen: ObjectInfo) -> bool:
    """Remove a checkpoint; True if that was done. It stays if it was written since ``seen``."""
    if seen not in catalog.store.list(seen.key):
        return False
    catalog.store.delete(seen.key)
    return True


def _put_back(catalog: Catalog, manifests: dict[str, bytes], made_from: Origins) -> set[str]:
    """Put back the manifests of what is referred to after all, what it was made from first."""
    now = survey(catalog)
    needed = {path for found in origins(now.versions).values() for path in found}
    needed |= closure(needed, made_from)
    if now.damaged:
        needed = set(manifests)
    back = [path for path in reversed(list(manifests)) if path in needed]
    for path in back:
        catalog.store.put(_manifest_key(catalog, path), manifests[path])
        if not now.damaged:
            logger.warning("%s/%s: stays: something made meanwhile needs it", catalog.uri, path)
    if now.damaged:
        raise IntegrityError(
            f"nothing was removed, since meanwhile a manifest became unreadable: "
            f"{next(iter(now.damaged.values()))}"
        )
    return set(back)


def _manifest_key(catalog: Catalog, path: str) -> str:
    return f"{catalog.collection}/{path}/{MANIFEST}"
