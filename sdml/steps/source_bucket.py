"""The part of an S3 bucket that a source's address names: one object, or those a glob matches."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Self

from sdml.errors import DataError, NotFoundError
from sdml.store import ObjectInfo, Store, open_bucket

_S3 = "s3://"
_MAGIC = set("*?[")


def is_bucket(uri: str) -> bool:
    """Whether a source lies in a bucket, not on this machine."""
    return uri.startswith(_S3)


@dataclass(kw_only=True)
class Bucket:
    """What lies below the folder above the first wildcard, or above the last name.

    Attributes:
        uri: the address as it was given.
        store: the objects below the folder.
        rest: the pattern or the name below it.
        folder: where they are fetched to; ends like the address, so that errors show it.
    """

    uri: str
    store: Store
    rest: str
    folder: Path

    @classmethod
    def above(cls, uri: str, scratch: Path) -> Self:
        """Open it.

        Raises:
            DataError: the address names no object in a bucket.
            StoreAccessError: it is no usable address.
        """
        parts = uri.removeprefix(_S3).split("/")
        fixed = next((i for i, part in enumerate(parts) if set(part) & _MAGIC), len(parts) - 1)
        above, rest = "/".join(parts[:fixed]), "/".join(parts[fixed:])
        if not above or not rest:
            # What stands before an @ would be a secret, so it is not repeated.
            what = "that" if "@" in uri else repr(uri)
            raise DataError(
                f"a source in S3 is s3://bucket/path/of/a/file, or a glob of files below a "
                f"bucket, not {what}: correct source"
            )
        store = open_bucket(_S3 + above)
        return cls(
            uri=uri, store=store, rest=rest, folder=Path(tempfile.mkdtemp(dir=scratch), above)
        )

    @property
    def is_glob(self) -> bool:
        """Whether it names many objects by wildcards."""
        return bool(set(self.rest) & _MAGIC)

    def found(self) -> list[ObjectInfo]:
        """The objects that the address names: those a glob matches, or the one if it is there."""
        if self.is_glob:
            pattern = self.rest.split("/")
            return [info for info in self.listed() if _matches(info.key.split("/"), pattern)]
        return [info for info in self.store.list(self.rest) if info.key == self.rest]

    def listed(self) -> list[ObjectInfo]:
        """All objects below the folder.

        Raises:
            NotFoundError: there is none.
        """
        if not self._listed:
            raise NotFoundError(
                f"{self.uri}: no object lies under {self.store.uri}: check the source's URI"
            )
        return self._listed

    @cached_property
    def _listed(self) -> list[ObjectInfo]:
        return list(self.store.list(""))

    def fetch(self, key: str) -> Path:
        """Download one object; returns where it is.

        Raises:
            NotFoundError: there is no such object.
        """
        return self.store.local(key, self.folder)

    def state(self, info: ObjectInfo) -> tuple[str, int, str]:
        """Name, bytes, time of the last change."""
        return f"{self.store.uri}/{info.key}", info.size, info.modified.isoformat()


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """As a glob of files: wildcards stay within a name, ``**`` stands for any folders."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[start:], pattern[1:]) for start in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
