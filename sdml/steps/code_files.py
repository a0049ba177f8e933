"""Files of codes, as ``sdml embed`` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sdml.errors import DataError
from sdml.features.files import existing_file, reading


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
