"""A safetensors file with one JSON note: arrays and what they mean, in deterministic bytes.

The note is a single metadata entry, since safetensors writes several entries in no fixed order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors import numpy as safetensors_numpy

from sdml.errors import IntegrityError

_NOTE = "sdml"
_LENGTH_BYTES = 8

Arrays = Mapping[str, npt.NDArray[Any]]


def pack(arrays: Arrays, note: Mapping[str, Any]) -> bytes:
    """Bytes of a safetensors file that holds ``arrays`` and, as JSON, ``note``."""
    text = json.dumps(note, sort_keys=True, ensure_ascii=False)
    # safetensors writes an array's buffer as it lies in memory, whatever its strides say
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return safetensors_numpy.save(contiguous, metadata={_NOTE: text})


def unpack(data: bytes, where: str) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """The arrays and the note that :func:`pack` was given.

    Args:
        data: content of the file.
        where: what to call the file in an error.

    Raises:
        IntegrityError: the bytes are no safetensors file, or its note is missing or no object.
    """
    try:
        arrays = safetensors_numpy.load(data)
        header = data[
            _LENGTH_BYTES : _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
        ]
        note = json.loads(json.loads(header)["__metadata__"][_NOTE])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise IntegrityError(
            f"{where} must be a safetensors file written by sdml, but cannot be read "
            f"({error!r}): make it again, or restore it from a backup"
        ) from error
    if not isinstance(note, dict):
        raise IntegrityError(
            f"{where}: the note of a file written by sdml is a JSON object, not {note!r:.40}: "
            "make the file again, or restore it from a backup"
        )
    return arrays, note
