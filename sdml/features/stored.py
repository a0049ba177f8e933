"""How a feature set is stored: .npy arrays and JSON, never pickle.

Each split is ``<split>.features.npy``, ``<split>.labels.npy`` and ``<split>.items.json`` (null
when samples have no names); beside them lie ``test.previews.json`` (a list of ``data:`` URIs) where
the source was pictures or recordings, ``transform.json``, ``transform.safetensors`` when a
transform has state, and ``extractor.json`` (null when the source was vectors).
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sdml.errors import IntegrityError
from sdml.experiment import SplitName
from sdml.features.extractors.fitted import extractor_to_objects
from sdml.features.feature_set import FeatureSet, Split
from sdml.features.previews import Previews
from sdml.features.table import AnyArray

PREVIEWS = "test.previews.json"
_PREVIEW = re.compile(r"data:(image|audio)/[a-z]+;base64,[A-Za-z0-9+/]*={0,2}")


def other_objects(feature_set: FeatureSet) -> dict[str, bytes]:
    """The objects that store a feature set beside the files of its vectors, by name."""
    objects = {}
    for split, labels in feature_set.labels.items():
        buffer = io.BytesIO()
        write_npy(buffer, labels)
        objects[f"{split}.labels.npy"] = buffer.getvalue()
        objects[f"{split}.items.json"] = json.dumps(feature_set.items[split]).encode()
    if feature_set.previews is not None:
        objects[PREVIEWS] = json.dumps(feature_set.previews).encode()
    return (
        objects | feature_set.transform.to_objects() | extractor_to_objects(feature_set.extractor)
    )


def load_split(read: Callable[[str], Path], split: SplitName) -> Split:
    """One split of a stored feature set; ``read`` gives a local file for a named object.

    Raises:
        IntegrityError: the objects do not belong together.
    """
    try:
        features_ND = np.load(read(f"{split}.features.npy"), mmap_mode="r", allow_pickle=False)
        labels = np.load(read(f"{split}.labels.npy"), allow_pickle=False)
        items = json.loads(read(f"{split}.items.json").read_bytes())
    except ValueError as error:
        raise IntegrityError(f"split {split}: cannot be loaded: {error}") from error
    if len(features_ND) != len(labels) or (items is not None and len(items) != len(labels)):
        raise IntegrityError(f"split {split}: features, labels and items differ in length")
    return Split(features_ND=features_ND, labels=labels, items=items and tuple(items))


def load_previews(read: Callable[[str], bytes]) -> Previews:
    """The previews of the test split's items; ``read`` gives the bytes of a named object.

    Raises:
        IntegrityError: the object holds something else.
    """
    found = json.loads(read(PREVIEWS))
    if not isinstance(found, list) or not all(
        item is None or (isinstance(item, str) and _PREVIEW.fullmatch(item)) for item in found
    ):
        raise IntegrityError(f"{PREVIEWS}: must be a list of data: URIs, restore it from a backup")
    return tuple(found)


def write_npy(file: BinaryIO, array: AnyArray) -> None:
    """Write an .npy array; unlike ``numpy.save``, it never cuts the array short silently.

    Raises:
        OSError: the file takes no more.
    """
    np.save(_Plain(file), np.ascontiguousarray(array), allow_pickle=False)


class _Plain:
    """Hides that it is a file of the system: numpy writes to those through a buffer of C, and
    does not notice when the end of it finds the disk full.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        """Write all of it."""
        return self._file.write(data)
