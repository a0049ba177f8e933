from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdml.errors import DataError
from sdml.features.label_files import read_labels


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_one_label_on_each_line(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.txt", "cat\ndog\ncat\n")
    assert read_labels(path, where="here").tolist() == ["cat", "dog", "cat"]


def test_the_last_field_is_the_label(tmp_path: Path) -> None:
    path = write(tmp_path / "set.list", "\ufeffdoc-5\timg 2\t10\r\ndoc-6\timg\t-1  \n\n")
    assert read_labels(path, where="here").tolist() == [10, -1]


def test_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", np.eye(3, dtype=np.uint8))
    assert read_labels(tmp_path / "y.npy", where="here").tolist() == np.eye(3).tolist()


def test_a_blank_line_between_others_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.txt", "1\n\n2\n")
    with pytest.raises(DataError, match=r"labels\.txt: every line must end in a label.*line 2 is"):
        read_labels(path, where="here")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 1 is blank"):
        read_labels(write(tmp_path / "labels.txt", ""), where="here")


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read as a text file of labels"):
        read_labels(tmp_path / "labels.txt", where="here")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"here: .*gone\.txt: does not exist"):
        read_labels(tmp_path / "gone.txt", where="here")


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", np.array([{}, 1], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="holds Python objects, which are never loaded"):
        read_labels(tmp_path / "y.npy", where="here")
