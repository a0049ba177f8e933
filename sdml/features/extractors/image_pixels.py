"""Grey pixels of a scaled image: the plainest baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from sdml.experiment.base import Whole
from sdml.features.extractors.base import Extractor, Kind, State
from sdml.features.extractors.grey_image import grey_image
from sdml.features.table import FloatArray, Item


class Pixels(Extractor):
    """size² grey values from 0 to 1, row by row."""

    name: ClassVar[str] = "pixels"
    kind: ClassVar[Kind] = "image"
    packages: ClassVar[tuple[str, ...]] = ("PIL",)

    size: Annotated[Whole, Field(ge=1, le=4096)] = 32

    def transform(self, items: Sequence[Item], state: State) -> FloatArray:  # noqa: ARG002
        """One image file for each row."""
        return self._stack(items, lambda path: grey_image(path, self.size).reshape(-1))
