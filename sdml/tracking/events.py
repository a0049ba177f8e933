"""What a run can tell a tracker, as plain values that survive a trip through a file.

A live run and a later ``resend`` hand the same events to the same backend, so there is one
way to send an event, whenever it happens. Times are milliseconds since the epoch, taken when
the event happened and not when it was sent.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

RunStatus = Literal["finished", "failed", "killed"]


@dataclass(frozen=True, kw_only=True)
class Start:
    """A run begins. ``uid`` is ours; the server's own id may be known only much later."""

    uid: str
    experiment: str
    name: str
    parent: str | None
    tags: dict[str, str]
    time: int
    adopt: str | None = None


@dataclass(frozen=True, kw_only=True)
class Params:
    """Settings of the run: names and values already in the form the server accepts."""

    values: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number at one step; it may be NaN or infinite."""

    name: str
    value: float
    step: int
    time: int


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """The numbers of one call."""

    values: tuple[Metric, ...]


@dataclass(frozen=True, kw_only=True)
class Tags:
    """Labels of the run, replaced when they are set again."""

    values: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A small file, ``name`` being its relative path inside the run."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Model(Artifact):
    """An encoder for the registry of models. ``data`` is a zip of its files (``zipped``).

    ``name`` is its folder inside the run, ``registered`` the name of the model. The tag ``encoder``
    is the URI by which its version is known.
    """

    registered: str
    tags: dict[str, str]
    description: str


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Data the run has used."""

    name: str
    digest: str
    source: str
    context: str


@dataclass(frozen=True, kw_only=True)
class Finish:
    """A run ends."""

    status: RunStatus
    time: int


Event = Params | Metrics | Tags | Artifact | Model | Dataset | Finish

_PLAIN: dict[str, type[Params | Tags | Dataset | Finish]] = {
    "params": Params,
    "tags": Tags,
    "dataset": Dataset,
    "finish": Finish,
}


def to_record(event: Event) -> dict[str, Any]:
    """The event as JSON values; an artifact's bytes are left out, the caller keeps them."""
    record = {"kind": type(event).__name__.lower(), **asdict(event)}
    if isinstance(event, Artifact):
        del record["data"]
    return record


def from_record(record: dict[str, Any], data: bytes = b"") -> Event:
    """The inverse of ``to_record``; ``data`` are the bytes of an artifact or a model.

    Raises:
        KeyError, TypeError: the record is not one that ``to_record`` has made.
    """
    fields = dict(record)
    kind = fields.pop("kind")
    if kind == "artifact":
        return Artifact(name=fields["name"], data=data)
    if kind == "model":
        return Model(**fields, data=data)
    if kind == "metrics":
        return Metrics(values=tuple(Metric(**value) for value in fields["values"]))
    return _PLAIN[kind](**fields)


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Files by name in one zip, uncompressed and without times: equal files give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name])
    return buffer.getvalue()
