"""Image files as square grey pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sdml.errors import DataError
from sdml.features.table import FloatArray


def grey_image(path: Path, size: int) -> FloatArray:
    """An image file, upright, grey, scaled to (size, size), values from 0 (black) to 1 (white).

    Scaling averages, and does not keep the ratio of the sides. Transparency is dropped.

    Raises:
        DataError: pixels are floats, whose range nothing tells.
    """
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened)
        if picture.mode == "F":
            raise DataError(
                f"{path}: pixels must be whole numbers, not floats: save it in 8 or 16 bit"
            )
        if picture.mode.startswith("I"):
            grey = np.asarray(picture).astype(np.float32) / 65535
        else:
            # Palettes with transparency have no direct way to grey.
            colours = picture.convert("RGBA") if picture.mode in ("P", "PA") else picture
            grey = np.asarray(colours.convert("L"), dtype=np.float32) / 255
    scaled = Image.fromarray(grey).resize((size, size), Image.Resampling.BILINEAR)
    return np.clip(np.asarray(scaled, dtype=np.float32), 0, 1)
