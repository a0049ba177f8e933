"""Real collections: run with SDML_DATA naming a folder that holds them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from sdml.experiment import ModalitySettings
from sdml.features import read_table, training_classes
from tests.features.loaded import Loaded, build_loaded

DIGITS = [str(digit) for digit in range(10)]


def built(settings: ModalitySettings, classes: list[str], folder: Path) -> Loaded:
    table = read_table(settings, name="real")
    assert training_classes(table, where="real") == classes
    return build_loaded(table, settings, classes, folder)


@pytest.mark.parametrize(("letter", "width"), [("I", 128), ("T", 10)])
def test_wikipedia(
    letter: str, width: int, caplog: pytest.LogCaptureFixture, real_data: Path, tmp_path: Path
) -> None:
    root = real_data / "wikipedia_svcl"
    settings = ModalitySettings.model_validate(
        {
            "source": str(root / "raw_features.mat"),
            "keys": {"features": {"train": f"{letter}_tr", "test": f"{letter}_te"}},
            "labels": {
                "train": str(root / "trainset_txt_img_cat.list"),
                "test": str(root / "testset_txt_img_cat.list"),
            },
            "split": {"validation": 231, "validation_from": "test"},
        }
    )
    feature_set = built(settings, [str(label) for label in range(1, 11)], tmp_path)
    shapes = {name: split.features_ND.shape for name, split in feature_set.splits.items()}
    assert shapes == {"train": (2173, width), "validation": (231, width), "test": (462, width)}
    train = feature_set.splits["train"]
    counts = [138, 272, 244, 248, 202, 178, 186, 144, 214, 347]
    assert np.bincount(train.labels).tolist() == counts
    held = np.concatenate([feature_set.splits[s].labels for s in ("validation", "test")])
    assert np.bincount(held).tolist() == [34, 88, 96, 85, 65, 58, 51, 41, 71, 104]
    np.testing.assert_allclose(train.features_ND.sum(axis=1), 1, atol=1e-4)
    # Three test images are also in train.
    repeated = re.findall(r"(\d+) of \d+ \w+ samples equal a training sample", caplog.text)
    assert sum(map(int, repeated)) == (3 if letter == "I" else 0)


@pytest.mark.parametrize(
    ("file", "width", "sizes"),
    [
        ("image_optdigits64", 64, [3439, 384, 1797]),
        ("pen_pendigits16", 16, [6744, 750, 3498]),
        ("audio_fsdd_mfcc156", 156, [2400, 300, 300]),
        ("text_uninum_ngram1024", 1024, [735, 131, 347]),
    ],
)
def test_digits(file: str, width: int, sizes: list[int], real_data: Path, tmp_path: Path) -> None:
    source = real_data / "digits_world" / f"{file}.npz"
    settings = ModalitySettings(source=str(source), transform=("standardize",))
    feature_set = built(settings, DIGITS, tmp_path)
    assert [len(split) for split in feature_set.splits.values()] == sizes
    train = feature_set.splits["train"].features_ND
    assert train.shape[1] == width
    np.testing.assert_allclose(train.mean(axis=0, dtype=np.float64), 0, atol=1e-5)


def test_number_words(real_data: Path, tmp_path: Path) -> None:
    settings = ModalitySettings.model_validate(
        {
            "source": str(real_data / "digits_world" / "number_words.tsv"),
            "keys": {"features": "form", "labels": "digit"},
            "extractor": {"name": "ngrams", "options": {"width": 64}},
        }
    )
    feature_set = built(settings, DIGITS, tmp_path)
    assert sum(map(len, feature_set.splits.values())) == 46794
    assert all(split.items for split in feature_set.splits.values())
