"""What every extractor is: options that check themselves, ``fit`` and ``transform``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from sdml.errors import DataError
from sdml.experiment.base import Settings
from sdml.features.files import reading
from sdml.features.table import AnyArray, FloatArray, Item

Kind = Literal["image", "text", "audio"]
State = dict[str, Any]
"""What ``fit`` learns; plain JSON, so that it can be stored without pickle."""


class Extractor(Settings, ABC):
    """Turns raw items into vectors. The fields of a subclass are its options."""

    name: ClassVar[str]
    kind: ClassVar[Kind]
    packages: ClassVar[tuple[str, ...]] = ()
    """What must be importable, from the extra ``extract``."""

    learns: ClassVar[bool] = False
    """Whether ``fit`` depends on the items."""

    def fit(self, items: Sequence[Item]) -> State:  # noqa: ARG002  (most learn nothing)
        """Learn from training items only."""
        return {}

    @abstractmethod
    def transform(self, items: Sequence[Item], state: State) -> FloatArray:
        """One vector for each item, float32 (N, D); the same items give the same bits.

        Raises:
            DataError: an item cannot be read; the message names it.
        """

    def _stack(self, items: Sequence[Item], vector: Callable[[Path], AnyArray]) -> FloatArray:
        """The vectors of files, side by side."""
        result: FloatArray | None = None
        for index, item in enumerate(items):
            path = Path(item)
            with reading(path, self.kind, where=self.name):
                vector_D = vector(path)
            if result is None:
                result = np.empty((len(items), len(vector_D)), dtype=np.float32)
            result[index] = vector_D
        if result is None:
            raise DataError(f"{self.name}: there must be at least one {self.kind} to extract from")
        return result
