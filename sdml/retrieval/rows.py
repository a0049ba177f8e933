"""The rows that are compared, as an array or made anew each time they are needed.

A copy of all codes costs as much memory as the codes. Where that is too much, rows are made of
the codes a few thousand at a time, once for each block of queries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import numpy as np

from sdml.retrieval.ranking import within_unit_norm

_TILE_BYTES = 2**23  # of rows made at a time
_SUSPECTS = 4096


class Rows:
    """Float32 rows whose inner products are scores within (-2, 2).

    ``represented`` makes rows no longer than 1 of codes, and must give the same for the same code
    wherever it stands. Without it the codes are the rows; if some are longer than 1, all are
    divided by one power of two, which changes no ranking.
    """

    def __init__(
        self, codes_NK: np.ndarray, represented: Callable[[np.ndarray], np.ndarray] | None = None
    ) -> None:
        if represented is None:
            codes_NK = within_unit_norm(np.asarray(codes_NK, dtype=np.float32))
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
    sums_N = np.concatenate([tile.sum(axis=1) for _, tile in rows.tiles()])
    sorted_N = np.sort(sums_N)
    shared = sorted_N[1:][sorted_N[1:] == sorted_N[:-1]]
    if not shared.size:
        return None
    suspects = np.flatnonzero(np.isin(sums_N, shared))
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
