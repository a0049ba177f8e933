from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sdml.errors import IntegrityError
from sdml.experiment import SPLITS, ModalitySettings
from sdml.features import (
    FeatureSet,
    TransformState,
    build_feature_set,
    extractor_from_objects,
    feature_set_objects,
    load_split,
    read_table,
    training_classes,
    write_feature_set,
)

Build = Callable[..., FeatureSet]
CLASSES = ["0", "1", "2"]


NAMES = {f"{split}.{kind}" for split in SPLITS for kind in ("features.npy", "labels.npy")} | {
    *(f"{split}.items.json" for split in SPLITS),
    "transform.json",
    "transform.safetensors",
    "extractor.json",
}


def test_objects_in_memory_and_as_files_are_the_same(build: Build, tmp_path: Path) -> None:
    feature_set = build(transform="standardize")
    objects = feature_set_objects(feature_set)
    assert set(objects) == NAMES
    (tmp_path / "out").mkdir()
    files = write_feature_set(feature_set, tmp_path / "out")
    assert {name: path.read_bytes() for name, path in files.items()} == objects
    assert objects == feature_set_objects(build(transform="standardize"))


def test_storage_and_back(build: Build, tmp_path: Path) -> None:
    feature_set = build(transform=["standardize", "l2"])
    files = write_feature_set(feature_set, tmp_path)
    for split in SPLITS:
        loaded = load_split(files.__getitem__, split)
        assert isinstance(loaded.features_ND, np.memmap)
        assert np.array_equal(loaded.features_ND, feature_set.splits[split].features_ND)
        assert np.array_equal(loaded.labels, feature_set.splits[split].labels)
        assert loaded.items is None
    transform = TransformState.from_objects(lambda name: files[name].read_bytes())
    assert transform.steps == ("standardize", "l2")


def test_damaged_objects_are_integrity_errors(build: Build, tmp_path: Path) -> None:
    files = write_feature_set(build(), tmp_path)
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
    feature_set = build_feature_set(table, settings, classes, name="text")
    assert feature_set.extractor is not None
    # "2" and "3" stand in validation and test only, so they are not in the vocabulary.
    assert set(feature_set.extractor.state["vocabulary"]) == {
        *" ".join(words.values()).split(),
        "0",
        "1",
    }
    files = write_feature_set(feature_set, tmp_path)
    test = load_split(files.__getitem__, "test")
    assert test.items is not None
    assert test.items[0] == "miau 3"
    assert json.loads(files["test.items.json"].read_bytes()) == list(test.items)
    fitted = extractor_from_objects(lambda name: files[name].read_bytes())
    assert fitted is not None
    again = feature_set.transform.apply(fitted.extract(test.items))
    assert np.array_equal(again, test.features_ND)
