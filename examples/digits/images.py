"""Images of handwritten digits: the 1797 pictures that scikit-learn ships, written as PNG files.

They are the test part of UCI "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak,
1998), which thirteen people wrote. Who wrote what is not recorded, but the labels repeat the
sequence of one 130-digit form fourteen times (a few digits are missing), so consecutive pictures
come from one form. Whole forms go into one split. With thirteen people for fourteen forms, one
person may have written on both sides of a split: what is disjoint for sure is the forms.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from examples.digits.tables import write_table
from sdml.errors import MissingExtraError
from sdml.experiment import SplitName

FORM_STARTS = (0, 130, 256, 386, 516, 646, 776, 906, 1029, 1157, 1287, 1415, 1545, 1667)
VALIDATION_FORM = 9
FIRST_TEST_FORM = 10
FULL_INK = 16


class Image(NamedTuple):
    """One row of images.csv."""

    path: str
    label: int
    form: int
    split: SplitName


def split_of_form(form: int) -> SplitName:
    """Forms 0-8 train, form 9 validates, forms 10-13 test: 1157, 130 and 510 pictures."""
    if form >= FIRST_TEST_FORM:
        return "test"
    return "validation" if form == VALIDATION_FORM else "train"


def write_images(folder: Path) -> list[Image]:
    """Write ``images/*.png`` (8 x 8, 8-bit grey, ink is light) and ``images.csv``.

    Raises:
        MissingExtraError: scikit-learn or pillow is not installed.
    """
    try:
        from PIL import Image as Picture
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtraError("the digits example", "extract") from error

    pixels_ND, labels_N = load_digits(return_X_y=True)
    grey_ND = np.rint(pixels_ND * (255 / FULL_INK)).astype(np.uint8)
    form_N = np.searchsorted(FORM_STARTS, np.arange(len(labels_N)), side="right") - 1
    (folder / "images").mkdir()
    rows = []
    for number, (grey_D, label, form) in enumerate(zip(grey_ND, labels_N, form_N, strict=True)):
        path = f"images/form{form:02d}_{number:04d}.png"
        Picture.fromarray(grey_D.reshape(8, 8)).save(folder / path)
        rows.append(Image(path, int(label), int(form), split_of_form(int(form))))
    write_table(folder / "images.csv", Image._fields, rows)
    return rows
