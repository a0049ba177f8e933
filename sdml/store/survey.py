"""Everything of a collection in its store: versions, damaged ones, what killed writers left."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sdml.errors import IntegrityError, NotFoundError
from sdml.store import layout
from sdml.store.base import ObjectInfo
from sdml.store.catalog import Catalog
from sdml.store.version import Version

_READERS = 8


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What one listing and the manifests in it say.

    Attributes:
        versions: the complete ones, oldest first.
        damaged: what is wrong with a manifest, by the path of its version.
        leftovers: paths of folders that have objects and no manifest.
        objects: what lies in the folder of a version or a leftover, by its path.
        checkpoints: in the order of their keys.
    """

    versions: list[Version]
    damaged: dict[str, IntegrityError]
    leftovers: list[str]
    objects: dict[str, list[ObjectInfo]]
    checkpoints: list[ObjectInfo]


def survey(catalog: Catalog) -> Survey:
    """Look at the whole collection. What is none of the store's own is passed over."""
    objects: dict[str, list[ObjectInfo]] = defaultdict(list)
    checkpoints = []
    above = f"{catalog.collection}/"
    for info in catalog.store.list(above):
        folder = info.key.removeprefix(above).rpartition("/")[0]
        if folder.split("/")[0] == layout.CHECKPOINTS:
            checkpoints.append(info)
        elif layout.parse_path(folder) is not None:
            objects[folder].append(info)
    whole = {
        path
        for path, found in objects.items()
        if any(info.key == f"{above}{path}/{layout.MANIFEST}" for info in found)
    }
    versions, damaged = [], {}
    with ThreadPoolExecutor(_READERS) as pool:
        for path, found in zip(
            sorted(whole), pool.map(lambda path: _open(catalog, path), sorted(whole)), strict=True
        ):
            if isinstance(found, IntegrityError):
                damaged[path] = found
            elif found is not None:
                versions.append(found)
    return Survey(
        versions=sorted(versions, key=lambda v: (v.manifest.created, v.manifest.id, v.path)),
        damaged=damaged,
        leftovers=sorted(objects.keys() - whole),
        objects=dict(objects),
        checkpoints=checkpoints,
    )


def _open(catalog: Catalog, path: str) -> Version | IntegrityError | None:
    try:
        return catalog.get(path)
    except IntegrityError as error:
        return error
    except NotFoundError:  # removed since it was listed
        return None
