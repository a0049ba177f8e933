"""Turns pydantic's list of errors into one line for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

_SHOWN = 3


class HasKeys(BaseModel):
    """A section that knows which keys a file may have in it."""

    @classmethod
    def keys_allowed(cls) -> list[str]:
        """The names as they stand in a file."""
        return [field.alias or name for name, field in cls.model_fields.items()]


def explain(error: ValidationError, model: type[HasKeys], prefix: Sequence[str | int] = ()) -> str:
    """One line: for each problem the key's path, what is allowed, and the value received.

    Args:
        model: what was being validated.
        prefix: where in the file it stands.
    """
    # A default that depends on a key which is wrong is no mistake of its own.
    problems = [each for each in error.errors() if each["type"] != "default_factory_not_called"]
    lines = [_one(problem, model, prefix) for problem in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(f"and {len(problems) - _SHOWN} more")
    return "; ".join(lines)


def _one(problem: object, model: type[HasKeys], prefix: Sequence[str | int]) -> str:
    assert isinstance(problem, dict)
    path = ".".join(str(part) for part in (*prefix, *problem["loc"]))
    kind, received = problem["type"], problem.get("input")
    if kind == "extra_forbidden":
        return f"{path}: unknown key; allowed here: {', '.join(_allowed(model, problem['loc']))}"
    if kind == "missing":
        return f"{path}: required, but not there"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if isinstance(received, dict | list | tuple) or not path:
        return f"{path}: {message}".removeprefix(": ")
    return f"{path}: {message}, not {received!r}"


def _allowed(model: type[HasKeys], location: Sequence[str | int]) -> list[str]:
    """The keys of the section that the last part of ``location`` stands in."""
    section = model
    for part in location[:-1]:
        field = section.model_fields.get(str(part))
        # In a mapping of sections the next part is a name, which is no field: it leads no further.
        section = (field and _section(field.annotation)) or section
    return section.keys_allowed()


def _section(annotation: Any) -> type[HasKeys] | None:
    if isinstance(annotation, type) and issubclass(annotation, HasKeys):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section(part))), None)
