"""A table: one modality's samples as a reader found them, before splits and transforms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from sdml.features.extractors.fitted import FittedExtractor
    from sdml.features.rows import Rows

FloatArray = npt.NDArray[np.float32]
AnyArray = npt.NDArray[Any]
Item = str | Path
"""A raw item: a text, or the path of an image or audio file."""

TRAIN, VALIDATION, TEST, UNUSED = 0, 1, 2, -1
"""What ``split_N`` holds: positions in :data:`sdml.experiment.SPLITS`, or no split at all."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """All samples of one modality; either vectors, or raw items that an extractor will turn so.

    Attributes:
        features: vectors, read when asked for; None for raw items.
        raw: the raw items; None for vectors.
        labels: int64 (N,), negative = unlabelled; or str (N,), "" = unlabelled; or uint8 (N, C)
            of zeros and ones, a row of zeros = unlabelled.
        split_N: int8, 0 train, 1 validation, 2 test; None when the source brings no split.
        items: what each sample is, for people to read: a file name or a text.
        extractor: what has made the vectors, if the source is raw items and they are extracted.
    """

    features: Rows | None = None
    raw: tuple[Item, ...] | None = None
    labels: AnyArray
    split_N: npt.NDArray[np.int8] | None = None
    items: tuple[str, ...] | None = None
    extractor: FittedExtractor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def features_ND(self) -> FloatArray | None:  # noqa: N802  (an array's name)
        """All vectors in memory, finite float32; None for raw items."""
        return None if self.features is None else self.features.all()
