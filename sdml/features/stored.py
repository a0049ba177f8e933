"""How a feature set is stored: .npy arrays and JSON, never pickle.

Each split is ``<split>.features.npy``, ``<split>.labels.npy`` and ``<split>.items.json`` (null
when samples have no names); beside them lie ``transform.json``, ``transform.safetensors`` when a
transform has state, and ``extractor.json`` (null when the source was vectors).
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sdml.errors import IntegrityError
from sdml.experiment import SplitName
from sdml.features.extractors.fitted import extractor_to_objects
from sdml.features.feature_set import FeatureSet, Split
from sdml.features.table import AnyArray


def feature_set_objects(feature_set: FeatureSet) -> dict[str, bytes]:
    """The objects that store a feature set, by name, in memory."""
    objects = {}
    for name, write in _writers(feature_set):
        buffer = io.BytesIO()
        write(buffer)
        objects[name] = buffer.getvalue()
    return objects


def write_feature_set(feature_set: FeatureSet, folder: Path) -> dict[str, Path]:
    """As :func:`feature_set_objects`, as files in ``folder``: no second copy in memory."""
    objects = {}
    for name, write in _writers(feature_set):
        objects[name] = folder / name
        with objects[name].open("wb") as file:
            write(file)
    return objects


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


def _writers(feature_set: FeatureSet) -> Iterator[tuple[str, Callable[[BinaryIO], object]]]:
    for split, samples in feature_set.splits.items():
        yield f"{split}.features.npy", _npy_writer(samples.features_ND)
        yield f"{split}.labels.npy", _npy_writer(samples.labels)
        yield f"{split}.items.json", _bytes_writer(json.dumps(samples.items).encode())
    yield from (
        (name, _bytes_writer(data))
        for name, data in (
            *feature_set.transform.to_objects().items(),
            *extractor_to_objects(feature_set.extractor).items(),
        )
    )


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


def _npy_writer(array: AnyArray) -> Callable[[BinaryIO], object]:
    return lambda file: write_npy(file, array)


def _bytes_writer(data: bytes) -> Callable[[BinaryIO], object]:
    return lambda file: file.write(data)
