"""Checks that vectors pass before anything is written, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from sdml.errors import DataError
from sdml.features.table import AnyArray, FloatArray

_BLOCK_VALUES = 1 << 22


def row_blocks(features_ND: AnyArray) -> Iterator[slice]:
    """Slices of rows that cover an (N, D) array, each of at most about four million values."""
    samples, width = features_ND.shape
    rows = max(1, _BLOCK_VALUES // max(1, width))
    for start in range(0, samples, rows):
        yield slice(start, min(start + rows, samples))


def as_float32(features: AnyArray, *, where: str) -> FloatArray:
    """The same values as finite float32 (N, D); a float32 array is returned itself, uncopied.

    Raises:
        DataError: not 2-D, no rows or no columns, not real numbers, NaN, infinite, or too large
            for float32; the message gives the first row and column and the count.
    """
    if features.ndim != 2 or 0 in features.shape:
        raise DataError(
            f"{where}: features must be 2-D (samples, features), at least one of each, "
            f"not of shape {features.shape}: save one row for each sample"
        )
    if features.dtype.kind not in "fiub":
        raise DataError(
            f"{where}: features must be real numbers, not of type {features.dtype}: "
            "save them as a numeric array"
        )
    already = features.dtype == np.dtype(np.float32) and features.dtype.isnative
    result = features if already else np.empty(features.shape, dtype=np.float32)
    for rows in row_blocks(features):
        if not already:
            with np.errstate(over="ignore"):
                result[rows] = features[rows]
        if not np.isfinite(result[rows]).all():
            _refuse(features, where)
    return result


def _refuse(features_ND: AnyArray, where: str) -> None:
    """Count the bad values of the whole array, then raise."""
    first: tuple[int, int] | None = None
    count = 0
    for rows in row_blocks(features_ND):
        with np.errstate(over="ignore"):
            bad = np.argwhere(~np.isfinite(features_ND[rows].astype(np.float32)))
        count += len(bad)
        if first is None and len(bad):
            first = (rows.start + int(bad[0, 0]), int(bad[0, 1]))
    assert first is not None
    value = features_ND[first]
    problem = f"{value}" + (", too large for float32" if np.isfinite(value) else "")
    raise DataError(
        f"{where}: features must be finite: {count} value{'s are' if count > 1 else ' is'} not, "
        f"the first at row {first[0]}, column {first[1]} (counted from 0): {problem}: "
        "remove or fill them"
    )


def row_digests(features_ND: FloatArray) -> npt.NDArray[np.uint64]:
    """One 64-bit digest for each row; equal rows have equal digests (0.0 equals -0.0)."""
    digests = np.empty(len(features_ND), dtype=np.uint64)
    for rows in row_blocks(features_ND):
        block = features_ND[rows] + np.float32(0)
        for offset, row in enumerate(block):
            digest = blake2b(row.tobytes(), digest_size=8).digest()
            digests[rows.start + offset] = int.from_bytes(digest, "little")
    return digests
