"""The rows that are compared, as an array or made anew each time they are needed.

A copy of all codes costs as much memory as the codes. Where that is too much, rows are made of
the codes a few thousand at a time, once for each block of queries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import numpy as np

from sdml.retrieval.ranking import near_unit_norm

_TILE_BYTES = 2**23  # of rows made at a time
_SUSPECTS = 4096


class Rows:
    """Float32 rows whose inner products are scores within (-2, 2).

    ``represented`` makes rows no longer than 1 of codes, and must give the same for the same code
    wherever it stands. Without it the codes are the rows, scaled by a power of two if need be,
    which changes no ranking: one for all of a gallery, one for ``each`` of the queries.
    """

    def __init__(
        self,
        codes_NK: np.ndarray,
        represented: Callable[[np.ndarray], np.ndarray] | None = None,
        *,
        each: bool = False,
    ) -> None:
        if represented is None:
            codes_NK = near_unit_norm(codes_NK, each=each)
        self._codes_NK = codes_NK
        self._represented = represented
        self.width = codes_NK.shape[1] if represented is None else self.some(slice(1)).shape[1]

    def __len__(self) -> int:
        return len(self._codes_NK)

    def some(self, which: slice | np.ndarray) -> np.ndarray:
        """The named rows, float32."""
        part = self._codes_NK[which]
        return part if self._represented is None else self._represented(part)

    def tiles(self) -> Iterator[tuple[slice, np.ndarray]]:
        """All rows, in one piece if they exist and else in several, with their places."""
        step = len(self)
        if self._represented is not None:
            step = max(1, _TILE_BYTES // (4 * self._codes_NK.shape[1]))
        for start in range(0, len(self), step):
            place = slice(start, min(start + step, len(self)))
            yield place, self.some(place)


def repeated_rows(rows: Rows) -> tuple[np.ndarray, np.ndarray] | None:
    """The places of rows that repeat an earlier one, and of the first row that each repeats.

    None when all rows differ. Matrix products may round the same inner product differently in
    different columns; giving a repeated row the score of the first makes items with equal codes
    tie exactly.
    """
    # Equal rows have equal sums: only rows that share theirs need a closer look.
    suspects = _repeated(np.concatenate([tile.sum(axis=1) for _, tile in rows.tiles()]))
    if len(suspects) > _SUSPECTS:  # of posteriors all sums are 1: other sums tell them apart
        weights_K = np.random.default_rng(0).standard_normal(rows.width, dtype=np.float32)
        parts = np.array_split(suspects, -(-len(suspects) // _SUSPECTS))
        sums_S = np.concatenate([(rows.some(part) * weights_K).sum(axis=1) for part in parts])
        suspects = suspects[_repeated(sums_S)]
    seen: dict[bytes, int] = {}
    first_S = np.empty(len(suspects), dtype=np.intp)
    for start in range(0, len(suspects), _SUSPECTS):
        some_S = suspects[start : start + _SUSPECTS]
        made_SK = rows.some(some_S) + np.float32(0)  # makes -0.0 and +0.0 one value
        for place, (row, made_K) in enumerate(zip(some_S.tolist(), made_SK, strict=True), start):
            digest = hashlib.blake2b(made_K.data, digest_size=16).digest()
            first_S[place] = seen.setdefault(digest, row)
    repeats_S = first_S != suspects
    return (suspects[repeats_S], first_S[repeats_S]) if repeats_S.any() else None


def _repeated(values_N: np.ndarray) -> np.ndarray:
    """The places of values that stand elsewhere too."""
    sorted_N = np.sort(values_N)
    return np.flatnonzero(np.isin(values_N, sorted_N[1:][sorted_N[1:] == sorted_N[:-1]]))
