"""Turns pydantic's list of errors into one line for a person."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

_SHOWN = 3


def explain(error: ValidationError, prefix: Sequence[str | int] = ()) -> str:
    """One line: for each problem the key's path, what is allowed, and the value received."""
    problems = error.errors()
    lines = [_one(problem, prefix) for problem in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(f"and {len(problems) - _SHOWN} more")
    return "; ".join(lines)


def _one(problem: object, prefix: Sequence[str | int]) -> str:
    assert isinstance(problem, dict)
    path = ".".join(str(part) for part in (*prefix, *problem["loc"]))
    kind, received = problem["type"], problem.get("input")
    if kind == "extra_forbidden":
        return f"{path}: unknown key"
    if kind == "missing":
        return f"{path}: required, but not there"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if isinstance(received, dict | list | tuple) or not path:
        return f"{path}: {message}".removeprefix(": ")
    return f"{path}: {message}, not {received!r}"
