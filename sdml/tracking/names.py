"""Names and values in the form every tracker accepts, so that all of them show the same.

The limits are MLflow's. Cutting and replacing here, before an event is queued, means that a
server has no reason to refuse it hours later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from sdml.errors import UserError

PARAM_CHARACTERS = 6000
TAG_CHARACTERS = 5000
NAME_CHARACTERS = 250

_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_\-. :/]")
_CREDENTIALS = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.\-]*://)[^/\s@'\"]*@")


def clean_name(name: str) -> str:
    """A metric, param or tag name: ``λ`` becomes ``lambda``, other foreign characters ``_``.

    >>> clean_name("map/image→text"), clean_name("λ"), clean_name("/a//../b")
    ('map/image_text', 'lambda', 'a/_/b')
    """
    allowed = _NOT_IN_NAME.sub("_", name.replace("λ", "lambda"))
    parts = [part for part in allowed.split("/") if part]
    kept = "/".join("_" if part.strip(".") == "" else part for part in parts)
    return kept[:NAME_CHARACTERS].rstrip("/") or "_"


def mask(text: str) -> str:
    """The text without the credentials of any address in it.

    >>> mask("at https://ann:secret@host:5000/x")
    'at https://***@host:5000/x'
    """
    return _CREDENTIALS.sub(r"\1***@", text)


def flat_params(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Params as text; nested settings get dotted names, and long values are cut.

    >>> dict(flat_params({"lambda": 0.5, "keys": {"labels": "y"}, "hidden": [512, 256]}))
    {'lambda': '0.5', 'keys.labels': 'y', 'hidden': '[512, 256]'}
    """
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat_params(value, f"{prefix}{name}.")
            continue
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        yield clean_name(f"{prefix}{name}"), mask(text)[:PARAM_CHARACTERS]


def clean_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags with allowed names, cut to the allowed length and without credentials."""
    return {clean_name(name): mask(value)[:TAG_CHARACTERS] for name, value in tags.items()}


def checked_artifact_name(name: str) -> str:
    """A relative path inside the run.

    Raises:
        UserError: it is empty, absolute, or climbs out with ``..``.
    """
    path = PurePosixPath(name)
    if not path.name or path.is_absolute() or ".." in path.parts:
        raise UserError(
            f"an artifact's name must be a relative path such as report.html, got {name!r}"
        )
    return str(path)
