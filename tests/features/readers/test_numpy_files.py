from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from sdml.errors import DataError
from sdml.features import Table, rows

Arrays = dict[str, Any]
Read = Callable[..., Table]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path: Path, arrays: Arrays, read: Read, save: Callable[..., None]) -> None:
    save(tmp_path / "a.npz", **arrays)
    table = read(tmp_path / "a.npz")
    assert table.features_ND is not None
    assert table.split_N is not None
    assert table.features_ND.dtype == np.float32
    np.testing.assert_allclose(table.features_ND, arrays["X"], rtol=1e-6)
    assert table.labels.tolist() == arrays["y"].tolist()
    assert table.split_N.tolist() == arrays["split"].tolist()
    assert len(table) == 30
    assert table.items is None


@pytest.mark.parametrize("dtype", ["<f4", "<f8", ">f4", "i2", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["npy", "npz", "compressed"])
def test_rows_are_read_in_blocks(
    tmp_path: Path,
    read: Read,
    monkeypatch: pytest.MonkeyPatch,
    dtype: str,
    order: Literal["C", "F"],
    kind: str,
) -> None:
    monkeypatch.setattr(rows, "BLOCK_BYTES", 3 * 7 * 4)
    values = np.asarray(np.arange(70).reshape(10, 7) % 2, dtype=dtype, order=order)
    np.save(tmp_path / "y.npy", np.arange(10))
    source = tmp_path / ("X.npy" if kind == "npy" else "X.npz")
    if kind == "npy":
        np.save(source, values)
    else:
        (np.savez if kind == "npz" else np.savez_compressed)(source, X=values)
    table = read(source, labels=str(tmp_path / "y.npy"))
    assert table.features is not None
    blocks = [block.copy() for block in table.features.blocks()]
    assert [len(block) for block in blocks] == [3, 3, 3, 1]
    assert all(block.dtype == np.float32 for block in blocks)
    assert np.array_equal(np.concatenate(blocks), values)
    assert table.split_N is None
    assert table.labels.tolist() == list(range(10))


@pytest.mark.parametrize("rest", [0, 9])
def test_an_array_that_is_cut_off_while_it_is_read(tmp_path: Path, read: Read, rest: int) -> None:
    np.save(tmp_path / "X.npy", np.ones((50, 7), dtype=np.float32))
    np.save(tmp_path / "y.npy", np.arange(50))
    table = read(tmp_path / "X.npy", labels=str(tmp_path / "y.npy"))
    assert table.features is not None
    os.truncate(tmp_path / "X.npy", 128 + 40 * 7 * 4 + rest)
    with pytest.raises(DataError, match=r"50 rows were there and 40 could be read"):
        table.features.check()


def test_an_archive_that_is_damaged_far_inside_is_refused(tmp_path: Path, read: Read) -> None:
    np.savez(tmp_path / "a.npz", X=np.ones((5000, 100)), y=np.zeros(5000, dtype=int))
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[2_000_000] ^= 1
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.npz: cannot be read as an .npz archive .*CRC"):
        read(tmp_path / "a.npz")


def test_npy_without_a_label_file_is_refused(tmp_path: Path, arrays: Arrays, read: Read) -> None:
    np.save(tmp_path / "X.npy", arrays["X"])
    with pytest.raises(DataError, match=r"an .npy file holds features only, not 'y': give labels:"):
        read(tmp_path / "X.npy")


def test_a_missing_array_names_those_that_are_there(
    tmp_path: Path, arrays: Arrays, read: Read
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    for keys, name in (
        ({"features": "Z"}, "Z"),
        ({"labels": "Z"}, "Z"),
        ({"split": "Z"}, "Z"),
    ):
        with pytest.raises(
            DataError, match=rf"^modality image: .*a\.npz: must hold '{name}'.* only X, y, split"
        ):
            read(tmp_path / "a.npz", keys=keys)


def test_the_other_kind_of_file_under_the_name(tmp_path: Path, read: Read) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.ones((2, 2)))
    (tmp_path / "a.npz").write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match="must be an archive, not a bare array"):
        read(tmp_path / "a.npz")
    buffer = io.BytesIO()
    np.savez(buffer, X=np.ones((2, 2)))
    (tmp_path / "a.npy").write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match=r"cannot be read as an .npy array: the magic string"):
        read(tmp_path / "a.npy")


@pytest.mark.parametrize("name", ["a.npz", "a.npy"])
@pytest.mark.parametrize("content", [b"", b"junk that is nothing", b"PK\x03\x04", b"\x93NUMPY"])
def test_junk_is_refused(tmp_path: Path, read: Read, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"modality image: .*a\.np[yz]: cannot be read as an \.np"):
        read(tmp_path / name)


def test_a_truncated_file_is_refused(tmp_path: Path, arrays: Arrays, read: Read) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    np.save(tmp_path / "X.npy", arrays["X"])
    for name in ("a.npz", "X.npy"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(DataError, match="cannot be read as"):
            read(tmp_path / name)


def test_a_member_with_a_flipped_bit_is_refused(tmp_path: Path, arrays: Arrays, read: Read) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[400] ^= 1
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(DataError, match=r"cannot be read as an \.npz archive \(member 'X'\)"):
        read(tmp_path / "a.npz")


def test_pickled_objects_are_never_loaded(tmp_path: Path, arrays: Arrays, read: Read) -> None:
    objects = np.array([[{}, 1]], dtype=object)
    np.savez(tmp_path / "a.npz", X=objects)
    np.save(tmp_path / "a.npy", objects)
    for name in ("a.npz", "a.npy"):
        with pytest.raises(DataError, match="it holds Python objects, which are never loaded"):
            read(tmp_path / name)


def test_members_that_are_not_arrays_do_no_harm(tmp_path: Path, arrays: Arrays, read: Read) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("README.txt", "hello")
    assert len(read(tmp_path / "a.npz")) == 30
