from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdml.errors import DataError
from sdml.features.extractors.grey_image import grey_image

RAMP = np.arange(0, 64, dtype=np.uint8).reshape(8, 8) * 4


def save(image: Image.Image, path: Path) -> Path:
    image.save(path)
    return path


def test_grey_of_the_same_size_is_kept(tmp_path: Path) -> None:
    path = save(Image.fromarray(RAMP), tmp_path / "a.png")
    np.testing.assert_allclose(grey_image(path, 8), RAMP / 255, atol=1e-6)


def test_colours_are_weighted_by_brightness(tmp_path: Path) -> None:
    path = save(Image.new("RGB", (4, 4), (255, 0, 0)), tmp_path / "a.png")
    np.testing.assert_allclose(grey_image(path, 2), 0.299, atol=0.005)


def test_sixteen_bits_keep_their_range(tmp_path: Path) -> None:
    deep = RAMP.astype(np.uint16) * 257
    path = save(Image.fromarray(deep), tmp_path / "a.png")
    np.testing.assert_allclose(grey_image(path, 8), RAMP / 255, atol=1e-4)


def test_shrinking_averages(tmp_path: Path) -> None:
    board = np.kron(np.eye(2), np.full((50, 50), 255)).astype(np.uint8)
    path = save(Image.fromarray(board), tmp_path / "a.png")
    assert grey_image(path, 1)[0, 0] == pytest.approx(0.5, abs=0.01)
    quarters = grey_image(path, 2)
    assert quarters.mean() == pytest.approx(0.5, abs=0.01)
    assert np.diag(quarters).min() > 0.75


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_of_pixels(tmp_path: Path, mode: str) -> None:
    suffix = ".tif" if mode == "CMYK" else ".png"
    path = save(Image.new("RGB", (5, 3), "white").convert(mode), tmp_path / f"a{suffix}")
    np.testing.assert_allclose(grey_image(path, 4), 1, atol=0.01)


def test_a_palette_with_transparent_entries(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 255, 255, 255])
    image.save(tmp_path / "a.png", transparency=b"\x00\xff")
    np.testing.assert_allclose(grey_image(tmp_path / "a.png", 2), 1)


def test_the_camera_is_held_upright(tmp_path: Path) -> None:
    image = Image.fromarray(RAMP)
    exif = image.getexif()
    exif[0x0112] = 3
    image.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_allclose(grey_image(tmp_path / "a.png", 8), RAMP[::-1, ::-1] / 255, atol=1e-6)


def test_float_pixels_are_refused(tmp_path: Path) -> None:
    path = save(Image.fromarray(np.ones((3, 3), dtype=np.float32)), tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"a\.tif: pixels must be whole numbers, not floats"):
        grey_image(path, 2)
