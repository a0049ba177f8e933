"""A version of a collection: its name, and what makes an object in it sound."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sdml.store.manifest import Manifest, ObjectRecord

MISSING = "the object is missing: make the version again or restore it"


@dataclass(frozen=True, kw_only=True)
class Version:
    """A complete version: ``path`` is relative to its collection, ``uri`` is the full name."""

    manifest: Manifest
    path: str
    uri: str


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A file that nobody will write to again, hashed while it was written."""

    path: Path
    bytes: int
    sha256: str


def new_id(created: datetime) -> str:
    """The time, and random digits that keep apart what two machines make in the same microsecond.

    No hash of the content: the objects' place must be known before they have been read.
    """
    return f"{created:%Y%m%dT%H%M%S%f}Z-{secrets.token_hex(6)}"


def alike(one: Manifest, other: Manifest, objects: Mapping[str, bytes | Path | Sealed]) -> bool:
    """Whether two versions are made from the same with the same settings, and of like objects.

    Args:
        one: complete.
        other: what is to be published.
        objects: of ``other``; only their names and sizes are looked at.
    """
    return (
        one.settings == other.settings
        and one.made_from == other.made_from
        and {record.name: record.bytes for record in one.objects}
        == {name: _size(data) for name, data in objects.items()}
    )


def _size(data: bytes | Path | Sealed) -> int:
    if isinstance(data, Sealed):
        return data.bytes
    return len(data) if isinstance(data, bytes) else data.stat().st_size


def difference(record: ObjectRecord, size: int, checksum: str) -> str | None:
    """How bytes of this size and checksum differ from what the record says, or None."""
    if size != record.bytes:
        return (
            f"it has {size} bytes, its manifest says {record.bytes}: "
            f"make the version again or restore it"
        )
    if checksum != record.sha256:
        return (
            f"its sha256 is {checksum[:12]}…, its manifest says {record.sha256[:12]}…: "
            f"make the version again or restore it"
        )
    return None
