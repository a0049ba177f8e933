"""What every section of an experiment file has in common, and the types of single values."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from sdml.experiment.explain import HasKeys

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")

NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a number is needed, not true or false")
    return value


Number = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
Whole = Annotated[int, Field(strict=True)]


class Settings(HasKeys):
    """Base of all sections: keyword-only, frozen, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def checked_name(value: str) -> str:
    """The name of a collection or a modality, if it is an allowed one."""
    if not NAME.fullmatch(value):
        raise ValueError(
            "names are lower-case letters, digits, - and _, at most 63, "
            "beginning and ending with a letter or digit"
        )
    return value


def one_or_many(value: object) -> object:
    """A list that may be written as its one item, or as ``none``."""
    if value == "none" or value is None:
        return ()
    return (value,) if isinstance(value, str) else value
