"""Label files beside the features: ``.npy``, or text with one sample on each line."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sdml.errors import DataError
from sdml.features.files import existing_file, reading
from sdml.features.labels import parse
from sdml.features.table import AnyArray


def read_labels(path: Path, *, where: str) -> AnyArray:
    """Labels of a file, not yet normalised.

    ``.npy`` holds whole numbers, strings or multi-hot rows. Anything else is UTF-8 text whose
    lines end in the label (the last field between white space), so a bare list of labels and an
    ``id name label`` list both work; blank lines at the end do not count.

    Raises:
        DataError: missing, unreadable, or a blank line between others.
    """
    existing_file(path, where=where)
    if path.suffix == ".npy":
        with reading(path, "a .npy array of labels", where=where):
            return np.asarray(np.load(path, allow_pickle=False))
    with reading(path, "a text file of labels", where=where):
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    fields = [line.split() for line in lines]
    if [] in fields or not fields:
        raise DataError(
            f"{where}: {path}: every line must end in a label, but line "
            f"{fields.index([]) + 1 if fields else 1} is blank: write -1 for an unlabelled sample"
        )
    return parse([field[-1] for field in fields])
