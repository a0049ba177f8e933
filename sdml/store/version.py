"""A version of a collection: its name, and what makes an object in it sound."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sdml.store.files import blocks_to_store, digest
from sdml.store.manifest import Manifest, ObjectRecord, canonical

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


def bare(data: bytes | Path | Sealed) -> bytes | Path:
    """The same content without what is known of it."""
    return data.path if isinstance(data, Sealed) else data


def object_record(name: str, data: bytes | Path | Sealed) -> ObjectRecord:
    """The record of an object that is about to be stored.

    Raises:
        DataError: the file cannot be read.
    """
    if isinstance(data, Sealed):
        return ObjectRecord(name=name, bytes=data.bytes, sha256=data.sha256)
    size, checksum = digest(blocks_to_store(data))
    return ObjectRecord(name=name, bytes=size, sha256=checksum)


def new_id(manifest: Manifest, created: datetime) -> str:
    """The time, and a hash that keeps apart what two machines make in the same microsecond."""
    content = {
        "kind": manifest.kind,
        "modality": manifest.modality,
        "seed": manifest.seed,
        "settings": manifest.settings,
        "made_from": manifest.made_from,
        "objects": [vars(record) for record in manifest.objects],
    }
    return f"{created:%Y%m%dT%H%M%S%f}Z-{hashlib.sha256(canonical(content)).hexdigest()[:12]}"


def same_content(one: Manifest, other: Manifest) -> bool:
    """Whether two versions hold the same, made from the same with the same settings."""
    return (one.objects, one.settings, one.made_from) == (
        other.objects,
        other.settings,
        other.made_from,
    )


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
