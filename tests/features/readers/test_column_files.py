from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet
import pytest

from sdml.errors import DataError
from sdml.features import Table

Read = Callable[..., Table]


def parquet(path: Path, **columns: Any) -> Path:
    pyarrow.parquet.write_table(pa.table(columns), path, row_group_size=2)
    return path


def csv(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def features(table: Table) -> npt.NDArray[np.float32]:
    assert table.features_ND is not None
    return table.features_ND


def test_numbered_columns_go_by_number(tmp_path: Path, read: Read) -> None:
    path = csv(tmp_path / "a.csv", "X10,X2,y,X0,other,split\n1,2,a,3,9,train\n4,5,b,6,9,test\n")
    table = read(path)
    assert features(table).tolist() == [[3, 2, 1], [6, 5, 4]]
    assert table.labels.tolist() == ["a", "b"]
    assert table.split_N is not None
    assert table.split_N.tolist() == [0, 2]


def test_tsv_of_one_feature(tmp_path: Path, read: Read) -> None:
    path = csv(tmp_path / "a.tsv", "X\ty\tX1\n1.5\t0\t7\n2.5\t1\t7\n")
    assert features(read(path)).tolist() == [[1.5], [2.5]]


def test_without_named_columns_every_numeric_one_counts(
    tmp_path: Path, read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    path = csv(tmp_path / "a.csv", "b,y,name,a,split\n1,0,u,2,0\n3,1,v,4,2\n")
    with caplog.at_level(logging.INFO):
        table = read(path)
    assert features(table).tolist() == [[1, 2], [3, 4]]
    assert "columns that are not numeric are left out: ['name']" in caplog.text


def test_a_column_that_is_left_out_for_one_cell_is_told(
    tmp_path: Path, read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    rows = "".join(
        f"{row},0,{'n.a.' if row == 3 else row / 2},u,{'seen' if row == 1 else ''}\n"
        for row in range(6)
    )
    path = csv(tmp_path / "a.csv", f"b,y,height,name,note\n{rows}")
    assert features(read(path)).shape == (6, 1)
    (told,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "column 'height' is left out" in told.getMessage()
    assert "row 3, counted from 0, holds 'n.a.'" in told.getMessage()


def test_a_named_column_that_is_missing_is_not_replaced_by_others(
    tmp_path: Path, read: Read
) -> None:
    path = csv(tmp_path / "a.csv", "b,y\n1,0\n")
    with pytest.raises(DataError, match="must hold 'deep', but it holds only b, y"):
        read(path, keys={"features": "deep"})
    with pytest.raises(DataError, match="must hold 'label', but it holds only b, y"):
        read(path, keys={"labels": "label"})
    with pytest.raises(DataError, match="must hold 'fold', but it holds only b, y"):
        read(path, keys={"split": "fold"})


def test_no_numeric_column_at_all(tmp_path: Path, read: Read) -> None:
    with pytest.raises(DataError, match="must hold 'X', but it holds only name, y"):
        read(csv(tmp_path / "a.csv", "name,y\nu,0\n"))


def test_labels_are_kept_as_they_are_written(tmp_path: Path, read: Read) -> None:
    for written, expected in (
        (["2020-01-01", "true", "NA"], ["2020-01-01", "true", "NA"]),
        (["07", "", "8"], [7, -1, 8]),
        (["1.0", "2.0", "2"], [1, 2, 2]),
    ):
        rows = "".join(f"{label},1\n" for label in written)
        table = read(csv(tmp_path / "a.csv", "y,X0\n" + rows))
        assert table.labels.tolist() == expected


def test_multi_hot_columns(tmp_path: Path, read: Read) -> None:
    path = csv(tmp_path / "a.csv", "a,y0,y1\n1,0,1\n2,1,1\n")
    table = read(path)
    assert table.labels.tolist() == [[0, 1], [1, 1]]
    assert features(table).tolist() == [[1], [2]]


def test_an_empty_cell_is_located(tmp_path: Path, read: Read) -> None:
    path = csv(tmp_path / "a.csv", "X0,X1,y\n1,2,0\n3,,1\n")
    with pytest.raises(DataError, match=r"a\.csv: X: .*1 value is not, .*row 1, column 1"):
        read(path)


def test_a_feature_column_of_text_is_named(tmp_path: Path, read: Read) -> None:
    path = csv(tmp_path / "a.csv", "X0,X1,y\n1,2,0\n3,abc,1\n")
    with pytest.raises(DataError, match="column 'X1' must be numeric, not string"):
        read(path)


def test_a_name_that_stands_twice_is_refused(tmp_path: Path, read: Read) -> None:
    with pytest.raises(DataError, match="column names must differ, but 'X0' stands twice"):
        read(csv(tmp_path / "a.csv", "X0,X0,y\n1,2,0\n"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b"X0,y\n1,2,3\n"),
        ("a.csv", b"\xff\xfe,y\n1,2\n"),
        ("a.parquet", b""),
        ("a.parquet", b"PAR1 junk PAR1"),
    ],
)
def test_junk_is_refused(tmp_path: Path, read: Read, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read as a (table of text|parquet file)"):
        read(tmp_path / name)


def test_only_a_header(tmp_path: Path, read: Read) -> None:
    with pytest.raises(DataError, match=r"features must be 2-D .* not of shape \(0, 2\)"):
        read(csv(tmp_path / "a.csv", "X0,X1,y\n"))


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.float32()),
        pa.large_list(pa.float64()),
        pa.list_(pa.float16(), 2),
        pa.list_(pa.int8()),
    ],
)
def test_parquet_lists(tmp_path: Path, read: Read, kind: pa.DataType) -> None:
    rows = np.arange(10, dtype=np.float16).reshape(5, 2)
    values = pa.array([list(row) for row in rows], pa.list_(pa.float16())).cast(kind)
    path = parquet(tmp_path / "a.parquet", X=values, y=[0, 1, 0, 1, 0])
    assert features(read(path)).tolist() == rows.tolist()


def test_parquet_columns(tmp_path: Path, read: Read) -> None:
    labels = pa.array(["a", None, "b"]).dictionary_encode()
    path = parquet(tmp_path / "a.parquet", X0=[1, 2, 3], X1=[1.5, 2.5, 3.5], y=labels)
    table = read(path)
    assert features(table).tolist() == [[1, 1.5], [2, 2.5], [3, 3.5]]
    assert table.labels.tolist() == ["a", "", "b"]


def test_parquet_labels_of_other_types(tmp_path: Path, read: Read) -> None:
    for labels, expected in (
        ([4, None], [4, -1]),
        ([[0, 1], [1, 1]], [[0, 1], [1, 1]]),
        (["1", "2"], ["1", "2"]),
    ):
        path = parquet(tmp_path / "a.parquet", X0=[1, 2], y=labels)
        assert read(path).labels.tolist() == expected
    with pytest.raises(DataError, match=r"labels must be whole numbers, but row 1 .* nan"):
        read(parquet(tmp_path / "a.parquet", X0=[1, 2], y=[1.0, None]))


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ([[1.0], [1.0, 2.0]], "lists of one length, but row 0 holds 1 values and row 1 2"),
        ([[1.0], None], r"a list in each row, but row 1 \(counted from 0\) is empty"),
        ([None, [1.0]], "a list in each row, but row 0"),
        ([["a"], ["b"]], "must hold lists of numbers"),
        ([[1.0], [None]], "features must be finite: .*row 1, column 0"),
    ],
)
def test_parquet_lists_refused(
    tmp_path: Path, read: Read, lists: list[object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(parquet(tmp_path / "a.parquet", X=lists, y=[0, 1]))
