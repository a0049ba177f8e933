from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sdml.errors import IntegrityError
from sdml.experiment import SPLITS, ModalitySettings
from sdml.features import (
    TransformState,
    extractor_from_objects,
    load_split,
    read_table,
    training_classes,
)
from tests.features.loaded import Loaded, build_loaded

Build = Callable[..., Loaded]
CLASSES = ["0", "1", "2"]


NAMES = {f"{split}.{kind}" for split in SPLITS for kind in ("features.npy", "labels.npy")} | {
    *(f"{split}.items.json" for split in SPLITS),
    "transform.json",
    "transform.safetensors",
    "extractor.json",
}


def test_the_objects_and_what_is_known_of_the_large_ones(build: Build) -> None:
    loaded = build(transform="standardize")
    assert loaded.files.keys() == NAMES
    for split, file in loaded.made.vectors.items():
        data = file.path.read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file.bytes, file.sha256)
        buffer = io.BytesIO()
        np.save(buffer, loaded.splits[split].features_ND)
        assert buffer.getvalue() == data
    before = {name: path.read_bytes() for name, path in loaded.files.items()}
    again = build(transform="standardize")
    assert {name: path.read_bytes() for name, path in again.files.items()} == before


def test_storage_and_back(build: Build) -> None:
    loaded = build(transform=["standardize", "l2"])
    for split in SPLITS:
        assert isinstance(loaded.splits[split].features_ND, np.memmap)
        assert np.array_equal(loaded.splits[split].labels, loaded.made.labels[split])
        assert loaded.splits[split].items is None
    transform = TransformState.from_objects(lambda name: loaded.files[name].read_bytes())
    assert transform.steps == ("standardize", "l2")


def test_damaged_objects_are_integrity_errors(build: Build, tmp_path: Path) -> None:
    files = build().files
    np.save(tmp_path / "short.npy", np.zeros(3, dtype=np.int32))
    with pytest.raises(IntegrityError, match="split test: features, labels and items differ"):
        load_split((files | {"test.labels.npy": tmp_path / "short.npy"}).__getitem__, "test")
    files["test.items.json"].write_bytes(b"junk")
    with pytest.raises(IntegrityError, match="split test: cannot be loaded"):
        load_split(files.__getitem__, "test")


def test_raw_texts_end_to_end(tmp_path: Path) -> None:
    words = {"cat": "miau purr", "dog": "bark wuff", "bird": "tweet chirp"}
    lines = [
        f"{sound} {index},{animal},{part}"
        for animal, sounds in words.items()
        for sound in sounds.split()
        for index, part in enumerate(["train", "train", "validation", "test"])
    ]
    (tmp_path / "a.csv").write_text("X,y,split\n" + "\n".join(lines))
    settings = ModalitySettings.model_validate(
        {
            "source": str(tmp_path / "a.csv"),
            "extractor": {"name": "bag_of_words", "options": {"words": 8}},
            "transform": "l2",
        }
    )
    table = read_table(settings, name="text")
    classes = training_classes(table, where="text")
    assert classes == ["bird", "cat", "dog"]
    loaded = build_loaded(table, settings, classes, tmp_path / "made")
    feature_set, files = loaded.made, loaded.files
    assert feature_set.extractor is not None
    # "2" and "3" stand in validation and test only, so they are not in the vocabulary.
    assert set(feature_set.extractor.state["vocabulary"]) == {
        *" ".join(words.values()).split(),
        "0",
        "1",
    }
    test = load_split(files.__getitem__, "test")
    assert test.items is not None
    assert test.items[0] == "miau 3"
    assert json.loads(files["test.items.json"].read_bytes()) == list(test.items)
    fitted = extractor_from_objects(lambda name: files[name].read_bytes())
    assert fitted is not None
    again = feature_set.transform.apply(fitted.extract(test.items))
    assert np.array_equal(again, test.features_ND)
