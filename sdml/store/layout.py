"""Where versions lie in a collection, and which names are allowed.

::

    <collection>/subspaces/<id>/               <collection>/features/<modality>/<id>/
    <collection>/reports/<id>/                 <collection>/encoders/<modality>/<id>/
                                               <collection>/priors/<modality>/<id>/
    <collection>/checkpoints/<name>
"""

from __future__ import annotations

import re
from typing import Literal, get_args

from sdml.errors import UserError
from sdml.experiment.base import NAME

Kind = Literal["subspace", "features", "encoder", "report", "prior"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MANIFEST = "manifest.json"
CHECKPOINTS = "checkpoints"

_FOLDERS: dict[Kind, str] = {
    "subspace": "subspaces",
    "features": "features",
    "encoder": "encoders",
    "report": "reports",
    "prior": "priors",
}
_OF_A_MODALITY: frozenset[Kind] = frozenset({"features", "encoder", "prior"})
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_OBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def has_modality(kind: Kind) -> bool:
    """Whether versions of this kind belong to one modality."""
    return kind in _OF_A_MODALITY


def kind_folder(kind: Kind) -> str:
    """The folder of a kind, relative to the collection.

    Raises:
        UserError: there is no such kind.
    """
    if kind not in KINDS:
        raise UserError(f"a kind is one of {', '.join(KINDS)}, not {kind!r}")
    return _FOLDERS[kind]


def version_path(kind: Kind, modality: str | None, version_id: str) -> str:
    """The folder of a version, relative to the collection: ``encoders/image/<id>``."""
    parts = (_FOLDERS[kind], modality, version_id)
    return "/".join(part for part in parts if part is not None)


def parse_path(path: str) -> tuple[Kind, str | None, str] | None:
    """Kind, modality and id of a version's folder; None if it is not one."""
    parts = path.split("/")
    for kind in KINDS:
        if parts[0] == _FOLDERS[kind] and len(parts) == 2 + has_modality(kind):
            modality = parts[1] if has_modality(kind) else None
            if problem(kind, modality, parts[-1]) is None:
                return kind, modality, parts[-1]
    return None


def problem(kind: str, modality: str | None, version_id: str | None = None) -> str | None:
    """What is wrong with a kind, its modality and an id, or None."""
    if kind not in KINDS:
        return f"a kind is one of {', '.join(KINDS)}, not {kind!r}"
    if kind in _OF_A_MODALITY:
        if modality is None:
            return f"{kind} belongs to a modality, and none is named"
        if not NAME.fullmatch(modality):
            return name_problem("a modality", modality)
    elif modality is not None:
        return f"{kind} belongs to no modality, not to {modality!r}"
    if version_id is not None and not _ID.fullmatch(version_id):
        return f"an id is at most 128 letters, digits and ._-, not {version_id!r}"
    return None


def name_problem(what: str, name: str) -> str | None:
    """What is wrong with the name of a collection or modality, or None."""
    if NAME.fullmatch(name):
        return None
    return f"{what} is named by 1 to 63 lower-case letters, digits, - and _, not {name!r}"


def object_problem(name: str) -> str | None:
    """What is wrong with the name of an object in a version, or None."""
    if _OBJECT.fullmatch(name) and name != MANIFEST:
        return None
    return (
        f"an object is named by at most 128 letters, digits and ._-, "
        f"and not {MANIFEST}: not {name!r}"
    )


def source_problem(role: str, path: str) -> str | None:
    """What is wrong with an entry of ``made_from``, or None."""
    if parse_path(path) is not None:
        return None
    return f"made_from names versions such as encoders/<modality>/<id>; {role!r} is {path!r}"


def check(*problems: str | None) -> None:
    """Refuse what a caller asked for.

    Raises:
        UserError: one of the problems is not None.
    """
    for found in problems:
        if found is not None:
            raise UserError(found)
