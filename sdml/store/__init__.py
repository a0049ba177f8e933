"""The store: immutable, named, verified versions in a folder or an S3 bucket (docs/store.md)."""

from __future__ import annotations

from pathlib import Path

from sdml.errors import StoreAccessError
from sdml.store.base import ObjectInfo, Store
from sdml.store.catalog import Catalog
from sdml.store.checkpoint import CheckpointSlot
from sdml.store.folder import FolderStore
from sdml.store.layout import Kind
from sdml.store.manifest import JSON, Manifest, ObjectRecord
from sdml.store.memory import MemoryStore
from sdml.store.version import Sealed, Version

__all__ = [
    "JSON",
    "Catalog",
    "CheckpointSlot",
    "FolderStore",
    "Kind",
    "Manifest",
    "MemoryStore",
    "ObjectInfo",
    "ObjectRecord",
    "Sealed",
    "Store",
    "Version",
    "open_bucket",
    "open_store",
]


def open_store(uri: str) -> Store:
    """Open the store at ``uri``: a folder, or ``s3://bucket`` with or without a prefix.

    A folder is made by the first write. A bucket must exist. Credentials, endpoint and region
    of S3 come from the standard AWS variables (docs/store.md).

    Raises:
        StoreAccessError: not a folder's path and not a usable ``s3://`` URI.
    """
    if uri.startswith("s3://"):
        from sdml.store.s3 import S3Store  # boto3 is slow to import and a folder needs none

        return S3Store(uri)
    scheme, found, _ = uri.partition("://")
    if found or not uri.strip():
        what = f"{scheme}://…" if found else repr(uri)
        raise StoreAccessError(f"a store is a folder or s3://bucket/prefix, not {what}")
    return FolderStore(Path(uri))


def open_bucket(uri: str) -> Store:
    """Open what others have written under ``s3://bucket`` or a prefix in it, by whatever name.

    Raises:
        StoreAccessError: not a usable ``s3://`` URI.
    """
    from sdml.store.s3 import S3Store

    return S3Store(uri, foreign=True)
