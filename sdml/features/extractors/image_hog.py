"""Histograms of oriented gradients (Dalal and Triggs, CVPR 2005), by scikit-image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from sdml.experiment.base import Whole
from sdml.features.extractors.base import Extractor, Kind, State
from sdml.features.extractors.grey_image import grey_image
from sdml.features.table import AnyArray, FloatArray, Item

_Positive = Annotated[Whole, Field(ge=1, le=4096)]


class Hog(Extractor):
    """Gradient histograms of a grey image.

    ``size`` is the side the image is scaled to; ``cell`` the side of a cell in pixels; ``block``
    the side of a normalised block in cells.
    """

    name: ClassVar[str] = "hog"
    kind: ClassVar[Kind] = "image"
    packages: ClassVar[tuple[str, ...]] = ("PIL", "skimage.feature")

    size: _Positive = 64
    orientations: _Positive = 9
    cell: _Positive = 8
    block: _Positive = 2

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.cell * self.block > self.size or self.size < 2:
            raise ValueError(
                f"a block of {self.block} cells of {self.cell} pixels must fit into size "
                f"{self.size}"
            )
        return self

    def transform(self, items: Sequence[Item], state: State) -> FloatArray:  # noqa: ARG002
        """One image file for each row."""
        return self._stack(items, self._vector)

    def _vector(self, path: Path) -> AnyArray:
        from skimage.feature import hog

        return np.asarray(
            hog(
                grey_image(path, self.size),
                orientations=self.orientations,
                pixels_per_cell=(self.cell, self.cell),
                cells_per_block=(self.block, self.block),
            )
        )
