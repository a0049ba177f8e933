from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sdml.errors import DataError
from sdml.features import Table

Read = Callable[..., Table]


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"text of {name}", encoding="utf-8")


def test_a_table_of_texts(tmp_path: Path, read: Read) -> None:
    long = "word " * 100
    (tmp_path / "a.tsv").write_text(
        f'form\tdigit\tpart\nune\t1\ttrain\nNA\t02\tval\n"two\nlines"\t3\ttest\n{long}\t1\ttrain\n'
    )
    table = read(
        tmp_path / "a.tsv",
        extractor="bag_of_words",
        keys={"features": "form", "labels": "digit", "split": "part"},
    )
    assert table.features_ND is None
    assert table.raw == ("une", "NA", "two\nlines", long)
    assert table.items is not None
    assert table.items[:3] == ("une", "NA", "two lines")
    assert len(table.items[3]) == 200
    assert table.labels.tolist() == [1, 2, 3, 1]
    assert table.split_N is not None
    assert table.split_N.tolist() == [0, 1, 2, 0]


def test_a_table_of_files(tmp_path: Path, read: Read) -> None:
    put(tmp_path, "data/a.png", "data/b.png")
    (tmp_path / "data.csv").write_text("X,y\ndata/a.png,cat\ndata/b.png,dog\n")
    table = read(tmp_path / "data.csv", extractor="pixels")
    assert table.raw == (tmp_path / "data/a.png", tmp_path / "data/b.png")
    assert table.items == ("data/a.png", "data/b.png")
    assert table.labels.tolist() == ["cat", "dog"]
    assert table.split_N is None


def test_files_that_a_table_names_must_exist(tmp_path: Path, read: Read) -> None:
    put(tmp_path, "a.png")
    (tmp_path / "data.csv").write_text("X,y\na.png,0\nb.png,1\nc.png,1\n,1\n")
    with pytest.raises(
        DataError, match=r"data\.csv: X: .* but 3 of 4 do not, the first at row 1 .*: 'b\.png'"
    ):
        read(tmp_path / "data.csv", extractor="pixels")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"features": "Z"}, "must hold 'Z', but it holds only X, y"),
        ({"labels": "Z"}, "must hold 'Z', but it holds only X, y"),
        ({"split": "Z"}, "must hold 'Z', but it holds only X, y"),
        ({"features": {"train": "X"}}, "keys.features must be one column for raw items"),
        ({"labels": {"train": "y"}}, "keys.labels must be one column"),
    ],
)
def test_table_columns(tmp_path: Path, read: Read, keys: dict[str, Any], message: str) -> None:
    (tmp_path / "a.csv").write_text("X,y\nu,0\n")
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.csv", extractor="ngrams", keys=keys)


def test_an_empty_table_is_refused(tmp_path: Path, read: Read) -> None:
    (tmp_path / "a.csv").write_text("X,y\n")
    with pytest.raises(DataError, match="must hold at least one row below its header"):
        read(tmp_path / "a.csv", extractor="ngrams")


def test_labels_beside_a_table(tmp_path: Path, read: Read) -> None:
    (tmp_path / "a.csv").write_text("X,z\nu,0\nv,0\n")
    (tmp_path / "y.txt").write_text("cat\ndog\n")
    table = read(tmp_path / "a.csv", extractor="ngrams", labels=str(tmp_path / "y.txt"))
    assert table.labels.tolist() == ["cat", "dog"]


def test_a_glob_with_classes_as_folders(tmp_path: Path, read: Read) -> None:
    put(tmp_path, "train/10/b.txt", "train/9/a.txt", "train/9/.hidden.txt", "train/9/note.md")
    table = read(tmp_path / "train/*/*.txt", extractor="ngrams")
    assert table.raw == ("text of train/10/b.txt", "text of train/9/a.txt")
    assert table.items == ("10/b.txt", "9/a.txt")
    assert table.labels.tolist() == [10, 9]
    # The folder named train is not under a wildcard, so it says nothing about splits.
    assert table.split_N is None


@pytest.mark.parametrize("pattern", ["*/*/*.png", "**/*.png", "[tv]*/[cd]*/?.png"])
def test_a_glob_with_splits_as_folders(tmp_path: Path, read: Read, pattern: str) -> None:
    put(tmp_path, "train/cat/a.png", "val/cat/a.png", "test/dog/a.png", "train/dog/b.png")
    table = read(tmp_path / pattern, extractor="pixels")
    assert table.raw == tuple(
        tmp_path / name
        for name in ("test/dog/a.png", "train/cat/a.png", "train/dog/b.png", "val/cat/a.png")
    )
    assert table.labels.tolist() == ["dog", "cat", "dog", "cat"]
    assert table.split_N is not None
    assert table.split_N.tolist() == [2, 0, 0, 1]


def test_either_all_files_lie_under_splits_or_none(tmp_path: Path, read: Read) -> None:
    put(tmp_path, "train/cat/a.png", "other/cat/a.png")
    with pytest.raises(DataError, match=r"but 1 of 2 do not, other/cat/a.png first"):
        read(tmp_path / "*/*/*.png", extractor="pixels")


def test_a_glob_that_matches_nothing(tmp_path: Path, read: Read) -> None:
    with pytest.raises(DataError, match=r"\*\.png: the glob matches no file"):
        read(tmp_path / "*/*.png", extractor="pixels")
    with pytest.raises(DataError, match="the glob matches no file"):
        read(tmp_path / "absent" / "*.png", extractor="pixels")


def test_classes_need_a_wildcard_for_their_folder(tmp_path: Path, read: Read) -> None:
    put(tmp_path, "cat/a.png")
    for source in (tmp_path / "cat/*.png", tmp_path / "cat/a.png"):
        with pytest.raises(DataError, match="the glob needs a wildcard for that folder"):
            read(source, extractor="pixels")
    (tmp_path / "y.txt").write_text("cat\n")
    table = read(tmp_path / "cat/*.png", extractor="pixels", labels=str(tmp_path / "y.txt"))
    assert table.labels.tolist() == ["cat"]


def test_a_real_path_may_contain_glob_letters(tmp_path: Path, read: Read) -> None:
    put(tmp_path, "a[1].csv")
    (tmp_path / "a[1].csv").write_text("X,y\nu,0\n")
    assert read(tmp_path / "a[1].csv", extractor="ngrams").raw == ("u",)


def test_vector_files_need_no_extractor(tmp_path: Path, read: Read) -> None:
    put(tmp_path, "cat/a.npz")
    for source in (tmp_path / "*/*", tmp_path / "cat/a.npz"):
        with pytest.raises(DataError, match=r"\.npz is not a file of raw items: leave extractor"):
            read(source, extractor="pixels")


def test_texts_must_be_utf8(tmp_path: Path, read: Read) -> None:
    put(tmp_path, "cat/a.txt")
    (tmp_path / "cat/a.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"cat/a\.txt: cannot be read as UTF-8 text"):
        read(tmp_path / "*/*.txt", extractor="ngrams")


def test_the_extractor_is_checked_first(tmp_path: Path, read: Read) -> None:
    with pytest.raises(DataError, match="modality image: no extractor is named 'magic'"):
        read(tmp_path / "*/*.txt", extractor="magic")
