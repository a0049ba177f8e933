from __future__ import annotations

from pathlib import Path

import pytest

from sdml.errors import DataError, MissingExtraError
from sdml.features.files import existing_file, reading


def test_an_existing_file_is_returned(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.touch()
    assert existing_file(path, where="modality image") is path


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^modality image: .*gone\.npy: does not exist"):
        existing_file(tmp_path / "gone.npy", where="modality image")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder, not a file"):
        existing_file(tmp_path, where="modality image")


def test_a_remote_uri_is_refused() -> None:
    with pytest.raises(DataError, match="must be a local file: download it first"):
        existing_file(Path("s3://bucket/x.npz"), where="modality image")


@pytest.mark.parametrize("foreign", [KeyError("x"), MemoryError(), RuntimeError("a\nb")])
def test_foreign_errors_are_mapped_on_one_line_and_chained(foreign: Exception) -> None:
    message = r"^here: x\.npz: cannot be read as a file: "
    with (
        pytest.raises(DataError, match=message) as caught,
        reading(Path("x.npz"), "a file", where="here"),
    ):
        raise foreign
    assert caught.value.__cause__ is foreign
    assert "\n" not in str(caught.value)


def test_own_errors_pass_unchanged() -> None:
    own = MissingExtraError("the mfcc extractor", "extract")
    with pytest.raises(MissingExtraError) as caught, reading(Path("x"), "a file", where="here"):
        raise own
    assert caught.value is own


def test_interrupts_are_not_errors_of_the_file() -> None:
    with pytest.raises(KeyboardInterrupt), reading(Path("x"), "a file", where="here"):
        raise KeyboardInterrupt
