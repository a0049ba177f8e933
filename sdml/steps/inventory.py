"""Inventory: what the store holds for a collection, with lineage, checked on request."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sdml.errors import IntegrityError
from sdml.steps.context import Context

_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Every complete version, oldest first; ``verified`` counts objects read and checked."""

    items: list[dict[str, Any]]
    verified: int


def inventory(context: Context, *, verify: bool = False) -> Inventory:
    """List all versions of the collection.

    Args:
        verify: read every object and compare size and sha256 with its manifest.

    Raises:
        IntegrityError: ``verify``, and an object is missing or damaged; names the first ones.
    """
    items, problems, verified = [], [], 0
    for version in context.catalog.inventory():
        manifest = version.manifest
        items.append(
            {
                "kind": manifest.kind,
                "modality": manifest.modality,
                "id": manifest.id,
                "uri": version.uri,
                "created": manifest.created,
                "made_from": dict(manifest.made_from),
                "objects": [asdict(record) for record in manifest.objects],
            }
        )
        if verify:
            problems += context.catalog.verify(version)
            verified += len(manifest.objects)
    if problems:
        raise IntegrityError(
            f"{len(problems)} of {verified} objects are not what their manifests promise: "
            f"{'; '.join(problems[:_SHOWN])}"
            + (f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else "")
        )
    return Inventory(items=items, verified=verified)
