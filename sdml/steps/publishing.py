"""Publishing without repeating: an identical newest version is used again.

A retried or repeated step with the same inputs makes the same bytes. Writing them again
would only fill the store and hide that nothing changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sdml.errors import NotFoundError
from sdml.store import Catalog, Kind, Version
from sdml.store.version import object_record


def publish_once(
    catalog: Catalog,
    kind: Kind,
    *,
    modality: str,
    objects: Mapping[str, bytes | Path],
    settings: dict[str, Any],
    made_from: dict[str, str],
    seed: int,
) -> Version:
    """Publish a version, unless the newest of its kind and modality already is that version."""
    try:
        newest = catalog.latest(kind, modality)
    except NotFoundError:
        newest = None
    if newest is not None:
        stored = newest.manifest
        made = tuple(object_record(name, objects[name]) for name in sorted(objects))
        if (stored.objects, stored.made_from, stored.settings) == (made, made_from, settings):
            return newest
    return catalog.publish(
        kind,
        modality=modality,
        objects=objects,
        settings=settings,
        made_from=made_from,
        seed=seed,
    )
