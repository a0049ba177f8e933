"""Amounts of CPU and memory as Kubernetes writes them: ``2``, ``500m``, ``4Gi``."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

_CPU = re.compile(r"(\d+(?:\.\d{1,3})?)(m?)")
_MEMORY = re.compile(r"(\d+)(Ki|Mi|Gi|Ti|k|M|G|T|)")
_UNITS: dict[str, int] = {
    "": 1,
    **{unit: 1000 ** (power + 1) for power, unit in enumerate("kMGT")},
    **{f"{unit}i": 1024 ** (power + 1) for power, unit in enumerate("KMGT")},
}


def cores(text: str) -> Decimal:
    """An amount of CPU in cores.

    Raises:
        ValueError: not such an amount, or nothing at all.
    """
    found = _CPU.fullmatch(text)
    if not found or not (number := Decimal(found[1])) or (found[2] and number % 1):
        raise ValueError("an amount of CPU is cores (2, 0.5) or thousandths of one (500m)")
    return number / 1000 if found[2] else number


def bytes_of(text: str) -> int:
    """An amount of memory or disk in bytes.

    Raises:
        ValueError: not such an amount, or nothing at all.
    """
    found = _MEMORY.fullmatch(text)
    if not found or not (number := int(found[1])):
        raise ValueError("an amount of memory is a whole number and a unit, for example 512Mi, 4Gi")
    return number * _UNITS[found[2]]


def _text(value: object) -> object:
    """YAML reads ``cpu: 2`` as a number."""
    whole = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:g}" if whole else value


def _cpu(text: str) -> str:
    cores(text)
    return text


def _memory(text: str) -> str:
    bytes_of(text)
    return text


Cpu = Annotated[str, BeforeValidator(_text), AfterValidator(_cpu)]
Memory = Annotated[str, BeforeValidator(_text), AfterValidator(_memory)]
