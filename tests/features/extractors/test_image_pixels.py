from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdml.errors import DataError

Extract = Callable[..., Any]


def test_pixels_row_by_row(tmp_path: Path, extract: Extract) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 6, 6), dtype=np.uint8)
    paths = [tmp_path / f"{index}.png" for index in range(3)]
    for path, picture in zip(paths, pictures, strict=True):
        Image.fromarray(picture).save(path)
    vectors = extract("pixels", paths, size=6)
    np.testing.assert_allclose(vectors, pictures.reshape(3, 36) / 255, atol=1e-6)
    assert extract("pixels", paths).shape == (3, 1024)


@pytest.mark.parametrize("content", [b"", b"junk", b"\x89PNG\r\n\x1a\n"])
def test_a_damaged_image_is_named(tmp_path: Path, extract: Extract, content: bytes) -> None:
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(DataError, match=r"^pixels: .*bad\.png: cannot be read as image: "):
        extract("pixels", [tmp_path / "bad.png"])


def test_a_truncated_image_is_named(tmp_path: Path, extract: Extract) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 50), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "bad.jpg")
    whole = (tmp_path / "bad.jpg").read_bytes()
    (tmp_path / "bad.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"bad\.jpg: cannot be read as image: .*truncated"):
        extract("pixels", [tmp_path / "bad.jpg"])


def test_nothing_to_extract(extract: Extract) -> None:
    with pytest.raises(DataError, match="pixels: there must be at least one image"):
        extract("pixels", [])
