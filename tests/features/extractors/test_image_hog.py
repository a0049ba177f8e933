from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage.feature import hog

Extract = Callable[..., Any]


def stripes(path: Path, *, upright: bool, shift: int = 0) -> Path:
    wave = (np.arange(64) + shift) // 4 % 2 * 255
    picture = np.tile(wave, (64, 1)).astype(np.uint8)
    Image.fromarray(picture if upright else picture.T).save(path)
    return path


def test_agrees_with_scikit_image(tmp_path: Path, extract: Extract) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    expected = hog(picture / 255, orientations=6, pixels_per_cell=(4, 4), cells_per_block=(3, 3))
    vectors = extract("hog", [tmp_path / "a.png"], size=32, orientations=6, cell=4, block=3)
    np.testing.assert_allclose(vectors[0], expected, atol=1e-4)


def test_orientation_matters_more_than_place(tmp_path: Path, extract: Extract) -> None:
    upright, moved, lying = extract(
        "hog",
        [
            stripes(tmp_path / "a.png", upright=True),
            stripes(tmp_path / "b.png", upright=True, shift=2),
            stripes(tmp_path / "c.png", upright=False),
        ],
    )
    assert upright.shape == (7 * 7 * 2 * 2 * 9,)
    assert upright @ moved > 5 * (upright @ lying)
    assert np.linalg.norm(upright) == pytest.approx(7, rel=0.01)
