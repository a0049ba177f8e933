"""Cron expressions as the back end reads them: six fields, seconds first.

It reads five fields too, but as seconds, minutes, hours, days and months, where everybody else
means minutes first. So five become six here, and all are checked before anything is sent.
"""

from __future__ import annotations

import re

from sdml.errors import UserError

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS: tuple[tuple[str, int, int, list[str]], ...] = (
    ("seconds", 0, 59, []),
    ("minutes", 0, 59, []),
    ("hours", 0, 23, []),
    ("days of the month", 1, 31, []),
    ("months", 1, 12, _MONTHS),
    ("days of the week", 0, 6, _DAYS),
)
_PART = re.compile(r"(?P<start>\*|\?|\w+)(-(?P<end>\w+))?(/(?P<step>\d+))?")


def six_fields(cron: str) -> str:
    """The expression with seconds; those of five fields start at second 0.

    >>> six_fields("30 2 * * mon-fri")
    '0 30 2 * * mon-fri'

    Raises:
        UserError: a field is missing, or holds what it must not.
    """
    fields = cron.split()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise UserError(
            f"--recurring must be five fields (minutes, hours, days, months, weekdays), or six "
            f"with seconds first, got {len(fields)} in {cron!r}"
        )
    for text, (what, lowest, highest, names) in zip(fields, _FIELDS, strict=True):
        for part in text.split(","):
            if not _allowed(part, lowest, highest, names):
                raise UserError(
                    f"--recurring: the {what} must lie in {lowest}-{highest}"
                    f"{f' or be {names[0]}-{names[-1]}' if names else ''}, as in *, 5, 1-5, */10 "
                    f"or 1,15, got {part!r} in {cron!r}"
                )
    return " ".join(fields)


def _allowed(part: str, lowest: int, highest: int, names: list[str]) -> bool:
    match = _PART.fullmatch(part)
    if match is None or (match["step"] is not None and int(match["step"]) == 0):
        return False
    if match["start"] in ("*", "?"):
        return match["end"] is None
    ends = [_number(match["start"], names, lowest)]
    if match["end"] is not None:
        ends.append(_number(match["end"], names, lowest))
    return all(lowest <= end <= highest for end in ends) and ends == sorted(ends)


def _number(text: str, names: list[str], lowest: int) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + lowest
    return int(text) if text.isascii() and text.isdigit() else -1
