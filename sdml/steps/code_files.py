"""Codes in files: those that ``sdml embed`` wrote, and room for more than fit into memory."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sdml.errors import DataError
from sdml.features.files import existing_file, reading
from sdml.store.files import mapped_errors
from sdml.store.scratch import process_scratch

IN_MEMORY = 1 << 30  # bytes; larger codes are kept in a file


def open_codes(path: Path) -> npt.NDArray[Any]:
    """Codes (N, K), memory-mapped.

    Raises:
        DataError: there is no such file, or it does not hold a matrix of floats.
    """
    existing_file(path, where="--codes")
    with reading(path, "an .npy array", where="--codes"):
        codes_NK = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(codes_NK, np.ndarray) or codes_NK.ndim != 2 or codes_NK.dtype.kind != "f":
        raise DataError(
            f"--codes: {path} must hold one matrix of floats (N, K), as sdml embed writes it: "
            "embed the items first"
        )
    return codes_NK


def room_for(shape: tuple[int, int], scratch: Path | None) -> npt.NDArray[np.float32]:
    """An array for codes (N, K): in memory, or a file's if it is larger than ``IN_MEMORY``.

    The file has no name, so it is gone with the array, whatever ends the process.

    Raises:
        StoreFullError: the scratch folder has no room.
    """
    size = 4 * shape[0] * shape[1]
    if size <= IN_MEMORY:
        return np.empty(shape, dtype=np.float32)
    folder = scratch or process_scratch()
    with mapped_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            # All of it now: writing to a mapped hole of a full disk would kill the process.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:  # macOS has no such call
                file.truncate(size)
            return np.memmap(file, dtype=np.float32, mode="r+", shape=shape)
