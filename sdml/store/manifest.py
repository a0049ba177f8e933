"""The manifest of a version: what it is, what it was made from, and what its objects must be.

It is written last, so a version without one does not exist. See docs/store.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn, TypeAlias

from sdml.errors import IntegrityError, UserError
from sdml.store import layout
from sdml.store.layout import Kind

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
SCHEMA = 1
CREATED = "%Y-%m-%dT%H:%M:%S.%fZ"
_CREATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class ObjectRecord:
    """What one object must be: its size in bytes and its sha256 in lower-case hexadecimal."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One version. ``created`` is UTC with microseconds, so that it sorts as text.

    ``made_from`` names versions of the same collection by what they were used as, for example
    ``{"subspace": "subspaces/4be1…", "features": "features/image/2026…"}``.
    """

    schema: int = SCHEMA
    kind: Kind
    collection: str
    modality: str | None
    id: str
    created: str
    software: str
    seed: int | None
    settings: dict[str, JSON]
    made_from: dict[str, str]
    objects: tuple[ObjectRecord, ...]

    @property
    def path(self) -> str:
        """The version's folder, relative to the collection."""
        return layout.version_path(self.kind, self.modality, self.id)

    def to_json(self) -> bytes:
        """The bytes of ``manifest.json``: UTF-8, fields in a fixed order."""
        fields = {name: getattr(self, name) for name in _FIELDS}
        fields["objects"] = [vars(record) for record in self.objects]
        return (json.dumps(fields, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes, where: str) -> Manifest:
        """Parse ``manifest.json``; ``where`` names it in errors. Unknown fields are ignored.

        Raises:
            IntegrityError: not JSON, another schema version, a field that is missing, of the
                wrong type or not allowed.
        """
        try:
            fields = json.loads(data.decode("utf-8"), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise IntegrityError(
                f"{where}: not a readable manifest, it may be cut short: {_line(error)}: "
                "restore it from a backup"
            ) from error
        try:
            return cls(**_checked(fields))
        except ValueError as error:
            raise IntegrityError(f"{where}: not a sound manifest: {error}") from error


def plain(settings: Mapping[str, Any]) -> dict[str, JSON]:
    """The settings as JSON gives them back: lists for tuples, text for keys.

    Raises:
        UserError: JSON cannot hold them.
    """
    try:
        text = json.dumps(dict(settings), allow_nan=False, ensure_ascii=False)
        values: dict[str, JSON] = json.loads(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(f"settings must be what JSON can hold: {_line(error)}") from error
    return values


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no spaces, in UTF-8: the same bytes for the same value."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


_FIELDS: dict[str, tuple[type, ...]] = {
    "schema": (int,),
    "kind": (str,),
    "collection": (str,),
    "modality": (str, type(None)),
    "id": (str,),
    "created": (str,),
    "software": (str,),
    "seed": (int, type(None)),
    "settings": (dict,),
    "made_from": (dict,),
    "objects": (list,),
}
_RECORD: dict[str, tuple[type, ...]] = {"name": (str,), "bytes": (int,), "sha256": (str,)}


def _checked(fields: Any) -> dict[str, Any]:
    """The arguments of :class:`Manifest`, or ``ValueError`` with what is wrong."""
    if isinstance(fields, dict) and fields.get("schema", SCHEMA) != SCHEMA:
        raise ValueError(
            f"schema {fields['schema']!r} is not known here, only {SCHEMA}: "
            f"read it with a newer version of sdml"
        )
    values = _typed(fields, _FIELDS, "the manifest")
    problems = [
        layout.name_problem("a collection", values["collection"]),
        layout.problem(values["kind"], values["modality"], values["id"]),
    ]
    if not _is_time(values["created"]):
        problems.append(
            f"created is UTC such as 2026-01-31T09:30:00.000000Z, not {values['created']!r}"
        )
    if not all(isinstance(path, str) for path in values["made_from"].values()):
        problems.append("made_from must map names to paths of versions")
    records = [_typed(record, _RECORD, "an object's record") for record in values["objects"]]
    for record in records:
        problems.append(layout.object_problem(record["name"]))
        if record["bytes"] < 0 or not _SHA256.fullmatch(record["sha256"]):
            problems.append(f"size or sha256 of {record['name']!r} is not one")
    if len({record["name"] for record in records}) < len(records):
        problems.append("two objects have the same name")
    for found in problems:
        if found is not None:
            raise ValueError(found)
    return {**values, "objects": tuple(ObjectRecord(**record) for record in records)}


def _typed(fields: Any, types: Mapping[str, tuple[type, ...]], what: str) -> dict[str, Any]:
    if not isinstance(fields, dict):
        raise ValueError(f"{what} must be a JSON object, not {type(fields).__name__}")
    for name, allowed in types.items():
        if name not in fields:
            raise ValueError(f"{what} has no {name!r}")
        if type(fields[name]) not in allowed:  # not isinstance: true is no number
            names = " or ".join("null" if t is type(None) else t.__name__ for t in allowed)
            raise ValueError(
                f"{name!r} in {what} must be {names}, not {type(fields[name]).__name__}"
            )
    return {name: fields[name] for name in types}


def _is_time(text: str) -> bool:
    if not _CREATED.fullmatch(text):
        return False
    try:
        datetime.strptime(text, CREATED)
    except ValueError:
        return False
    return True


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
