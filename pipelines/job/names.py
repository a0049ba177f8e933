"""Names of Jobs: unique for each run, and allowed as a label of their pods."""

from __future__ import annotations

import re
from datetime import datetime

from sdml.errors import UserError

_LONGEST = 63
_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")


def job_name(modality: str, now: datetime) -> str:
    """``sdml-train-<modality>-<date>-<time>``, in the time zone of ``now``."""
    suffix = f"{now:-%y%m%d-%H%M%S}"
    name = f"sdml-train-{modality.replace('_', '-')}"
    return name[: _LONGEST - len(suffix)].rstrip("-") + suffix


def checked(name: str) -> str:
    """The name, if a Job and its pods can have it.

    Raises:
        UserError: they cannot.
    """
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise UserError(
            f"a Job's name has at most {_LONGEST} lower-case letters, digits and -, begins with a "
            f"letter and does not end with -, got {name!r}: choose another"
        )
    return name
