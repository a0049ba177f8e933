"""The encoder that a file itself asks for is the newest, whatever a sweep has trained beside it.

``search``, ``embed``, ``evaluate`` and ``promote`` take the newest encoder. After a sweep that
would be one of some λ or other, so the encoder of the file's own settings is stored once more.
"""

from __future__ import annotations

from sdml.steps.context import Context
from sdml.store import Version


def as_newest(context: Context, stored: Version) -> Version:
    """An encoder, or a copy of it that is newer than all others of its modality and subspace.

    Asked again, it returns the copy that it has made.
    """
    catalog, manifest = context.catalog, stored.manifest
    made_for = manifest.made_from["subspace"]
    newest = catalog.latest(
        "encoder", manifest.modality, where=lambda other: other.made_from["subspace"] == made_for
    )
    same = newest.manifest
    if (same.objects, same.settings, same.made_from, same.seed) == (
        manifest.objects,
        manifest.settings,
        manifest.made_from,
        manifest.seed,
    ):
        return newest
    return catalog.publish(
        "encoder",
        modality=manifest.modality,
        objects={record.name: catalog.local(stored, record.name) for record in manifest.objects},
        settings=manifest.settings,
        made_from=manifest.made_from,
        seed=manifest.seed,
    )
