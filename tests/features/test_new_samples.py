from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdml.errors import DataError
from sdml.experiment import ExtractorSettings
from sdml.features import FittedExtractor, make_extractor, read_vectors


def fitted(name: str, items: list[str] | None = None) -> FittedExtractor:
    return FittedExtractor.fit(make_extractor(ExtractorSettings(name=name)), items or [])


def test_rows_of_an_npy_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(6.0).reshape(2, 3))
    vectors = read_vectors(str(tmp_path / "a.npy"), None)
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_one_vector_is_one_row(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    assert read_vectors(str(tmp_path / "a.npy"), None).tolist() == [[0, 1, 2]]


def test_an_npy_file_is_extracted_already(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((1, 3)))
    assert read_vectors(str(tmp_path / "a.npy"), fitted("pixels")).tolist() == [[1, 1, 1]]


def test_other_files_by_key(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.zeros((1, 2)), deep=np.ones((1, 2)))
    assert read_vectors(str(tmp_path / "a.npz"), None, "deep").tolist() == [[1, 1]]
    (tmp_path / "a.csv").write_text("a,y,b\n1,9,2\n")
    assert read_vectors(str(tmp_path / "a.csv"), None).tolist() == [[1, 2]]


def test_bad_vectors(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([1, np.nan]))
    with pytest.raises(DataError, match=r"^input: .*a\.npy: features must be finite"):
        read_vectors(str(tmp_path / "a.npy"), None)
    with pytest.raises(DataError, match=r"gone\.npy: does not exist"):
        read_vectors(str(tmp_path / "gone.npy"), None)
    (tmp_path / "a.txt").touch()
    with pytest.raises(DataError, match="or name an extractor"):
        read_vectors(str(tmp_path / "a.txt"), None)


def test_raw_files_in_sorted_order(tmp_path: Path) -> None:
    for name, grey in (("b.png", 255), ("a.png", 0)):
        Image.new("L", (4, 4), grey).save(tmp_path / name)
    vectors = read_vectors(str(tmp_path / "*.png"), fitted("pixels"))
    assert vectors.shape == (2, 1024)
    assert (vectors[0].max(), vectors[1].min()) == (0, 1)
    assert np.array_equal(read_vectors(str(tmp_path / "b.png"), fitted("pixels")), vectors[1:])


def test_raw_texts_of_a_table_and_of_files(tmp_path: Path) -> None:
    bag = fitted("bag_of_words", ["one two two"])
    (tmp_path / "a.tsv").write_text("X\tnote\ntwo\t1\none two\t2\n")
    assert read_vectors(str(tmp_path / "a.tsv"), bag).tolist() == [[1, 0], [1, 1]]
    (tmp_path / "a.txt").write_text("two two")
    assert read_vectors(str(tmp_path / "a.txt"), bag).tolist() == [[2, 0]]
    with pytest.raises(DataError, match="must hold 'Z', but it holds only X, note"):
        read_vectors(str(tmp_path / "a.tsv"), bag, "Z")
    (tmp_path / "empty.csv").write_text("X\n")
    with pytest.raises(DataError, match="at least one row below its header"):
        read_vectors(str(tmp_path / "empty.csv"), bag)


def test_a_glob_that_matches_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"input: .*the glob matches no file"):
        read_vectors(str(tmp_path / "*.png"), fitted("pixels"))
