"""Shards: a modality's source prepared in parts, each by a process of its own, and joined.

What costs time is done in the parts: extraction of raw items, decoding and checking of vectors. The
rest (splits, transforms, writing) needs all samples and is done when they are joined, by the same
code as without shards: the bytes are the same.

A part lies among the checkpoints, under a digest of the source's state and of the settings that a
preparation depends on. Its record is written last. Joining removes it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from dataclasses import asdict
from pathlib import Path

from sdml.errors import IntegrityError, NotFoundError, UserError
from sdml.features import (
    VECTORS,
    Table,
    joined_tables,
    part_of,
    read_part,
    read_table,
    write_part,
)
from sdml.steps.context import Context
from sdml.steps.sources import named_source, scratch_folder, source_state
from sdml.store.files import blocks_of, digest, mapped_errors
from sdml.store.layout import CHECKPOINTS
from sdml.store.manifest import ObjectRecord
from sdml.store.version import Sealed, difference
from sdml.store.writing import read_records

logger = logging.getLogger(__name__)

_RECORD = "part.json"


def prepare_shard(context: Context, name: str, *, shard: int, shards: int) -> str:
    """Read, check and extract one part of a modality's source, and store it; returns its URI.

    A part that is stored already is left as it is.

    Args:
        name: of the modality.
        shard: which part, from 1.
        shards: of how many; what the experiment file says.

    Raises:
        UserError: there is no such shard, or the modality cannot be divided so.
        DataError: the source is not what was promised.
        StoreFullError: there is no room in the store, or for temporary files.
    """
    settings = context.modality(name)
    if shards != settings.shards:
        raise UserError(
            f"modality {name} has {settings.shards} shards in the experiment file, not {shards}: "
            "ask for one of these, or correct the file"
        )
    if not 1 <= shard <= shards:
        raise UserError(f"a shard of modality {name} is 1 to {shards}, not {shard}")
    folder = _folder(context, name, _state(context, name), shard)
    uri = f"{context.catalog.store.uri}/{folder}"
    store = context.catalog.store
    if store.exists(f"{folder}/{_RECORD}"):
        logger.info("shard %d of %d of %s is there: %s", shard, shards, name, uri)
        return uri
    with scratch_folder(context.scratch) as scratch:
        here, fetch = named_source(settings, scratch, name=name)
        where = f"modality {name}"
        table = read_table(here, name=name)
        part = part_of(table, here, shard, shards, where=where, fetch=fetch)
        with mapped_errors(scratch):
            vectors, objects = write_part(part, scratch)
        if _folder(context, name, _state(context, name), shard) != folder:
            raise UserError(f"{where}: {settings.source} has changed while it was read: run again")
        sealed = Sealed(path=vectors.path, bytes=vectors.bytes, sha256=vectors.sha256)
        store.adopt(f"{folder}/{VECTORS}", vectors.path)
        for key, data in objects.items():
            store.put(f"{folder}/{key}", data)
        records = read_records({VECTORS: sealed, **objects})
        said = json.dumps([asdict(record) for record in records])
        store.put(f"{folder}/{_RECORD}", said.encode())
    logger.info("prepared shard %d of %d of %s: %s", shard, shards, name, uri)
    return uri


class Parts:
    """The stored parts of one modality's source as it is now."""

    def __init__(self, context: Context, name: str) -> None:
        self._context, self._name = context, name
        self._settings = context.modality(name)
        state = _state(context, name)
        store = context.catalog.store
        numbers = range(1, self._settings.shards + 1)
        self._folders = {number: _folder(context, name, state, number) for number in numbers}
        self.missing = [
            number
            for number, folder in self._folders.items()
            if not store.exists(f"{folder}/{_RECORD}")
        ]

    def require(self) -> None:
        """Refuse to join what is not complete.

        Raises:
            NotFoundError: a part is missing.
        """
        if self.missing:
            first = f"{self.missing[0]}/{self._settings.shards}"
            raise NotFoundError(
                f"modality {self._name}: {len(self.missing)} of {self._settings.shards} shards are "
                f"not prepared from the source as it is now: run 'sdml prepare --modality "
                f"{self._name} --shard {first}'"
            )

    def table(self, scratch: Path) -> Table:
        """The table that the parts together are.

        Raises:
            IntegrityError: an object is damaged.
        """
        tables = [self._table(folder, scratch) for folder in self._folders.values()]
        return joined_tables(tables, where=f"modality {self._name}: {self._settings.source}")

    def remove(self) -> None:
        """Remove the parts, the record of each first."""
        store = self._context.catalog.store
        for folder in self._folders.values():
            store.delete(f"{folder}/{_RECORD}")
            for info in list(store.list(f"{folder}/")):
                store.delete(info.key)

    def _table(self, folder: str, scratch: Path) -> Table:
        store = self._context.catalog.store
        records = {
            record["name"]: ObjectRecord(**record)
            for record in json.loads(store.get(f"{folder}/{_RECORD}"))
        }
        here = Path(tempfile.mkdtemp(dir=scratch))

        def read(name: str) -> Path:
            path = store.local(f"{folder}/{name}", here)
            with mapped_errors(path):
                found = difference(records[name], *digest(blocks_of(path)))
            if found:
                raise IntegrityError(f"{store.uri}/{folder}/{name}: {found}")
            return path

        return read_part(read, list(records), where=f"{store.uri}/{folder}")


def _folder(context: Context, name: str, state: str, shard: int) -> str:
    shards = context.modality(name).shards
    above = f"{context.catalog.collection}/{CHECKPOINTS}/shards/{name}"
    return f"{above}/{state}/{shard}-of-{shards}"


def _state(context: Context, name: str) -> str:
    """What a part depends on, as a digest."""
    settings = context.modality(name)
    state = source_state(settings, context.catalog.store.uri, context.scratch, name=name)
    parts = [settings.preparation(), state]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
